using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Protocol;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>A checked DecodeStart.</summary>
/// <param name="RequestId">Whose request.</param>
/// <param name="Blocks">The given tokens and their Blocks.</param>
/// <param name="Generation">Its tokens are the given ones.</param>
/// <param name="IsLocalPrefill">What the KvStore does not hold is computed here, and the first token sampled here.</param>
/// <param name="CachedBlockCount">Leading Blocks that the Gateway believes to be in the KvStore.</param>
/// <param name="HandOverId">Under which a prefill worker puts what it computes straight to this worker; null: it does not.</param>
internal sealed record DecodePlan(
    string RequestId, SequenceBlocks Blocks, Generation Generation, bool IsLocalPrefill, int CachedBlockCount, BlockId? HandOverId)
{
    public int CachedTokenCount => CachedBlockCount * KvGeometry.BlockTokenCount;

    public int GivenTokenCount => Blocks.TokenCount;

    /// <exception cref="global::Grpc.Core.RpcException">INVALID_ARGUMENT or FAILED_PRECONDITION that names the field.</exception>
    public static DecodePlan Read(DecodeCommand? command, WorkerModel model)
    {
        if (command is not { CommandCase: DecodeCommand.CommandOneofCase.Start, Start: { } start })
        {
            throw RequestErrors.Invalid("start", "must be the first command");
        }

        SequenceRequest.CheckFingerprints(model, start.ModelFingerprint, start.CodecFingerprint);
        var blocks = SequenceRequest.ReadBlocks(model, start.Tenant, start.TokenIds, start.BlockIds, start.TailId);
        if (start.PromptTokenCount < 1 || start.PromptTokenCount > blocks.TokenCount)
        {
            throw RequestErrors.Invalid("prompt_token_count", $"must be 1 to {blocks.TokenCount}, the number of token_ids, is {start.PromptTokenCount}");
        }

        if (!start.LocalPrefill && start.PromptTokenCount < blocks.TokenCount)
        {
            throw RequestErrors.Invalid("prompt_token_count", "a sequence that is taken over (generated tokens in token_ids) needs local_prefill");
        }

        if (start.CachedBlockCount < 0 || start.CachedBlockCount > blocks.BlockIds.Length)
        {
            throw RequestErrors.Invalid("cached_block_count", $"must be 0 to {blocks.BlockIds.Length}, is {start.CachedBlockCount}");
        }

        if (start.LocalPrefill && !start.HandOverId.IsEmpty)
        {
            throw RequestErrors.Invalid("hand_over_id", "no prefill worker hands over with local_prefill");
        }

        BlockId? handOverId = start.HandOverId.IsEmpty ? null : BlockIds.Parse(start.HandOverId, "hand_over_id");
        var sampling = SamplingRequest.Read(start.Sampling, model.Runner.Config);
        var generation = new Generation(
            blocks.TokenIds,
            start.PromptTokenCount,
            sampling.Parameters,
            sampling.ForcedTokenIds,
            start.Seed,
            model.Runner.Config.EosTokenIds,
            model.MaxContextTokens);
        return new DecodePlan(start.RequestId, blocks, generation, start.LocalPrefill, start.CachedBlockCount, handOverId);
    }
}
