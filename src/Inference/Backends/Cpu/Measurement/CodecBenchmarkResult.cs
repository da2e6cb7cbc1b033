namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>Speed of the engine with one codec.</summary>
/// <param name="Spec">Canonical codec spec.</param>
/// <param name="PrefillTokensPerSecond">Prefill of the whole prompt in chunks.</param>
/// <param name="PrefillGflops">Its arithmetic: weights without embedding, and causal attention.</param>
/// <param name="PrefillPercentOfPeak">Of the measured FMA peak.</param>
/// <param name="EncodePercentOfPrefill">Time spent on encoding Blocks, probes and saliency included; without the Blocks that wait for the prompt's end.</param>
/// <param name="DecodeTokensPerSecond">One sequence at the prompt's context, head and greedy choice included.</param>
/// <param name="BatchDecodeTokensPerSecond">All sequences of the batch together.</param>
/// <param name="SealedBytesPerToken">Encoded KV of a token in all layers, headers included.</param>
public sealed record CodecBenchmarkResult(
    string Spec,
    double PrefillTokensPerSecond,
    double PrefillGflops,
    double PrefillPercentOfPeak,
    double EncodePercentOfPrefill,
    double DecodeTokensPerSecond,
    double BatchDecodeTokensPerSecond,
    double SealedBytesPerToken);
