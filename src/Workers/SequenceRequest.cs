using Google.Protobuf;
using Google.Protobuf.Collections;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Models;
using KvCluster.Protocol;

namespace KvCluster.Workers;

/// <summary>Checks the part of a request that says which tokens and Blocks it is about.</summary>
internal static class SequenceRequest
{
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION: another model or codec.</exception>
    public static void CheckFingerprints(WorkerModel model, ulong modelFingerprint, ulong codecFingerprint)
    {
        if (modelFingerprint != model.Fingerprint)
        {
            throw RequestErrors.Mismatch("model_fingerprint", modelFingerprint, model.Fingerprint);
        }

        if (codecFingerprint != model.Codec.Fingerprint)
        {
            throw RequestErrors.Mismatch("codec_fingerprint", codecFingerprint, model.Codec.Fingerprint);
        }
    }

    /// <summary>The Sequence's Blocks; the ids in the request must be those that follow from tenant and tokens.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT that names the field.</exception>
    public static SequenceBlocks ReadBlocks(
        WorkerModel model, string tenant, RepeatedField<int> tokenIds, RepeatedField<ByteString> blockIds, ByteString tailId)
    {
        if (tokenIds.Count == 0)
        {
            throw RequestErrors.Invalid("token_ids", "must hold at least one token");
        }

        if (tokenIds.Count > model.MaxContextTokens)
        {
            throw RequestErrors.Invalid("token_ids", $"{tokenIds.Count} tokens are over the model's context of {model.MaxContextTokens}");
        }

        CheckTokenIds(tokenIds, model.Runner.Config, "token_ids");
        var given = BlockIds.Parse(blockIds, "block_ids");
        var root = BlockIdChain.Root(tenant, model.Fingerprint, model.Codec.Fingerprint);
        var blocks = new SequenceBlocks(root, [.. tokenIds], hasTail: !tailId.IsEmpty);
        if (given.Length != blocks.BlockIds.Length)
        {
            throw RequestErrors.Invalid(
                "block_ids", $"{tokenIds.Count} tokens fill {blocks.BlockIds.Length} blocks, not {given.Length}");
        }

        var matching = given.AsSpan().CommonPrefixLength(blocks.BlockIds);
        if (matching < given.Length)
        {
            throw RequestErrors.Invalid($"block_ids[{matching}]", "is not the id of these tokens for this tenant, model and codec");
        }

        if (!tailId.IsEmpty && BlockIds.Parse(tailId, "tail_id") != blocks.TailId)
        {
            throw RequestErrors.Invalid("tail_id", "is not the id of the tokens past the last full block");
        }

        return blocks;
    }

    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT that names the field and index.</exception>
    public static void CheckTokenIds(RepeatedField<int> tokenIds, ModelConfig config, string field)
    {
        for (var i = 0; i < tokenIds.Count; i++)
        {
            if ((uint)tokenIds[i] >= (uint)config.VocabularySize)
            {
                throw RequestErrors.Invalid($"{field}[{i}]", $"{tokenIds[i]} is not a token id; ids are 0 to {config.VocabularySize - 1}");
            }
        }
    }
}
