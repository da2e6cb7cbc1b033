using Grpc.Core;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>Why a decode worker takes no slabs from a prefill worker.</summary>
internal static class DirectStatus
{
    public static readonly Status NobodyWaits = new(
        StatusCode.NotFound, "no Decode call with this hand_over_id (SlabFrame.owner) is here or came in time; the KvStore has the blocks");

    /// <summary>The writer then gives the Tail to the KvStore.</summary>
    public static readonly Status ReadsFromStore = new(StatusCode.Aborted, "the decode worker takes the blocks from the KvStore instead");

    /// <summary>Nobody wants the Tail any more.</summary>
    public static readonly Status HasEnded = new(StatusCode.Cancelled, "the sequence has ended");
}
