using KvCluster.Gateway.Admission;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>How one decode worker's part of a request ended: finished, or failed with an error that another may not have.</summary>
internal readonly record struct DecodeOutcome(FinishReason Finish, RequestError? Error, bool IsFinal)
{
    public static DecodeOutcome Finished(FinishReason reason) => new(reason, null, IsFinal: true);

    /// <summary>Another worker may do better.</summary>
    public static DecodeOutcome Lost(RequestError error) => new(FinishReason.Unspecified, error, IsFinal: false);

    /// <summary>No worker would do better.</summary>
    public static DecodeOutcome Refused(RequestError error) => new(FinishReason.Unspecified, error, IsFinal: true);
}
