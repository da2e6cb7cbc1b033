using System.Collections.Immutable;
using KvCluster.Inference.Models;
using KvCluster.Inference.Sampling;
using KvCluster.V1;

namespace KvCluster.Workers;

/// <summary>The sampling fields of a request, as the engine wants them.</summary>
/// <param name="Parameters">Validated.</param>
/// <param name="ForcedTokenIds">Taken in place of sampled tokens; may be empty.</param>
internal sealed record SamplingRequest(SamplingParameters Parameters, ImmutableArray<int> ForcedTokenIds)
{
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT that names the field.</exception>
    public static SamplingRequest Read(Sampling? message, ModelConfig config)
    {
        message ??= new Sampling();
        var parameters = new SamplingParameters
        {
            MaxTokens = message.HasMaxTokens ? message.MaxTokens : int.MaxValue,
            Temperature = message.HasTemperature ? message.Temperature : 1,
            TopK = message.TopK,
            TopP = message.HasTopP ? message.TopP : 1,
            MinP = message.MinP,
            RepetitionPenalty = message.HasRepetitionPenalty ? message.RepetitionPenalty : 1,
            PresencePenalty = message.PresencePenalty,
            FrequencyPenalty = message.FrequencyPenalty,
            StopTokenIds = [.. message.StopTokenIds],
            IgnoreEos = message.IgnoreEos,
            LogprobCount = message.HasLogprobs ? message.Logprobs : null,
        };
        if (parameters.Validate(config.VocabularySize) is [var error, ..])
        {
            throw RequestErrors.Invalid($"sampling.{error.Field}", error.Message);
        }

        SequenceRequest.CheckTokenIds(message.ForcedTokenIds, config, "sampling.forced_token_ids");
        return new SamplingRequest(parameters, [.. message.ForcedTokenIds]);
    }
}
