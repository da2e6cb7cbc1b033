namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Queries that attended together.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="KvHead">KV head that they attend to.</param>
/// <param name="Rows">[query][HeadSize], with the softmax scale and log2(e) in them.</param>
internal sealed record CapturedQueries(int Layer, int KvHead, float[] Rows);
