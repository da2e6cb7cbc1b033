using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.PrefillWorker.Engine;
using KvCluster.Protocol;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Grpc;

/// <summary>A checked PrefillRequest.</summary>
/// <param name="RequestId">Whose request.</param>
/// <param name="Blocks">The prompt and its Blocks.</param>
/// <param name="Generation">Its tokens are the prompt.</param>
/// <param name="CachedBlockCount">Leading Blocks worth asking the KvStore for; at least one token is left to compute.</param>
/// <param name="Direct">The decode worker that takes the slabs straight from here; null: none does.</param>
internal sealed record PrefillPlan(string RequestId, SequenceBlocks Blocks, Generation Generation, int CachedBlockCount, DirectTarget? Direct)
{
    /// <exception cref="global::Grpc.Core.RpcException">INVALID_ARGUMENT or FAILED_PRECONDITION that names the field.</exception>
    public static PrefillPlan Read(PrefillRequest request, WorkerModel model)
    {
        SequenceRequest.CheckFingerprints(model, request.ModelFingerprint, request.CodecFingerprint);
        var blocks = SequenceRequest.ReadBlocks(model, request.Tenant, request.TokenIds, request.BlockIds, request.TailId);
        if (request.CachedBlockCount < 0 || request.CachedBlockCount > blocks.BlockIds.Length)
        {
            throw RequestErrors.Invalid("cached_block_count", $"must be 0 to {blocks.BlockIds.Length}, is {request.CachedBlockCount}");
        }

        var sampling = SamplingRequest.Read(request.Sampling, model.Runner.Config);
        var generation = new Generation(
            blocks.TokenIds,
            blocks.TokenCount,
            sampling.Parameters,
            sampling.ForcedTokenIds,
            request.Seed,
            model.Runner.Config.EosTokenIds,
            model.MaxContextTokens);
        var most = (blocks.TokenCount - 1) / KvGeometry.BlockTokenCount;
        return new PrefillPlan(request.RequestId, blocks, generation, Math.Min(request.CachedBlockCount, most), ReadTarget(request));
    }

    private static DirectTarget? ReadTarget(PrefillRequest request)
    {
        if (request.DirectAddress.Length == 0)
        {
            return null;
        }

        bool isAddress = Uri.TryCreate(request.DirectAddress, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "unix";
        return isAddress
            ? new DirectTarget(request.DirectAddress, BlockIds.Parse(request.HandOverId, "hand_over_id"))
            : throw RequestErrors.Invalid("direct_address", $"'{request.DirectAddress}' is not http://host:port or unix:///path");
    }
}
