namespace KvCluster.Inference.Sampling;

/// <param name="Id">Token id.</param>
/// <param name="Logprob">Natural logarithm of its probability under the model, before bias, penalties, temperature and filters.</param>
public readonly record struct TokenLogprob(int Id, float Logprob);
