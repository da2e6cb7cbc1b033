namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>What <see cref="EngineBenchmark"/> measures.</summary>
public sealed record EngineBenchmarkOptions
{
    /// <summary>Codec specs to decode with; prefill uses the first.</summary>
    public IReadOnlyList<string> Specs { get; init; } = ["raw", "int8", "int4"];

    /// <summary>Tokens of the prefilled prompt; also the context of the decode measurement.</summary>
    public int PromptTokenCount { get; init; } = 2048;

    /// <summary>Tokens computed in one prefill step.</summary>
    public int ChunkTokenCount { get; init; } = 512;

    /// <summary>Decode steps of one round.</summary>
    public int DecodeTokenCount { get; init; } = 32;

    /// <summary>Sequences of the batch measurement.</summary>
    public int BatchSequenceCount { get; init; } = 16;

    /// <summary>Context of each sequence of the batch measurement.</summary>
    public int BatchContextTokenCount { get; init; } = 256;

    /// <summary>Context that memory is measured at; 0 leaves it out.</summary>
    public int MemoryContextTokenCount { get; init; } = 8192;

    /// <summary>Each figure is the best of so many rounds.</summary>
    public int RoundCount { get; init; } = 5;
}
