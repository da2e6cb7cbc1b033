using KvCluster.Gateway.Authentication;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Gateway;

/// <summary>The limits of <see cref="GatewayOptions"/>.</summary>
internal static class GatewayOptionsValidation
{
    /// <returns>Every error, one line each; empty when valid.</returns>
    public static IReadOnlyList<string> Validate(GatewayOptions options)
    {
        var errors = new List<string>();
        void Check(bool isValid, string message)
        {
            if (!isValid)
            {
                errors.Add(message);
            }
        }

        Check(ListenAddress.TryParse(options.HttpAddress, out _), $"HttpAddress '{options.HttpAddress}' is not {ListenAddress.Forms}");
        Check(ListenAddress.TryParse(options.GrpcAddress, out _), $"GrpcAddress '{options.GrpcAddress}' is not {ListenAddress.Forms}");
        Check(options.ModelFolder.Length > 0, "ModelFolder is not set; give a Hugging Face model folder");
        Check(options.LocalPrefillMaxTokens >= 0, $"LocalPrefillMaxTokens must be 0 or more, is {options.LocalPrefillMaxTokens}");
        Check(options.HeartbeatIntervalMs is >= 10 and <= 60_000, $"HeartbeatIntervalMs must be 10 to 60000, is {options.HeartbeatIntervalMs}");
        Check(options.MaxQueuedRequests >= 1, $"MaxQueuedRequests must be at least 1, is {options.MaxQueuedRequests}");
        Check(options.MaxChoices >= 1, $"MaxChoices must be at least 1, is {options.MaxChoices}");
        Check(options.MaxAttempts >= 1, $"MaxAttempts must be at least 1, is {options.MaxAttempts}");
        Check(options.TakeOverWaitMs >= 0, $"TakeOverWaitMs must be 0 or more, is {options.TakeOverWaitMs}");
        Check(options.StallTimeoutMs >= 0, $"StallTimeoutMs must be 0 or more, is {options.StallTimeoutMs}");
        Check(options.LeaseMs >= 1000, $"LeaseMs must be at least 1000, is {options.LeaseMs}");
        Check(options.KvReplicas is 1 or 2, $"KvReplicas must be 1 or 2, is {options.KvReplicas}");
        Check(options.ShardSettleMs >= 0, $"ShardSettleMs must be 0 or more, is {options.ShardSettleMs}");
        Check(options.MaxRequestBodyBytes >= 1024, $"MaxRequestBodyBytes must be at least 1024, is {options.MaxRequestBodyBytes}");
        Check(options.RetryAfterSeconds >= 1, $"RetryAfterSeconds must be at least 1, is {options.RetryAfterSeconds}");
        bool areKeysValid = ApiKeys.TryParse(options.ApiKeys, out _, out string? keyFault);
        Check(areKeysValid, $"ApiKeys: {keyFault}");
        return errors;
    }
}
