namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A whole answer, collected from the stream.</summary>
internal sealed record Answer(int[] TokenIds, string Text, V1.FinishReason FinishReason, V1.Usage Usage);
