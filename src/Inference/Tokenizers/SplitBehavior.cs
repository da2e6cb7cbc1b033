namespace KvCluster.Inference.Tokenizers;

/// <summary>What becomes of the delimiters a pattern finds; names as in tokenizer.json.</summary>
internal enum SplitBehavior
{
    /// <summary>Each is a piece of its own.</summary>
    Isolated,

    Removed,

    /// <summary>Each ends the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>Each begins the piece after it.</summary>
    MergedWithNext,

    /// <summary>Neighbours together are one piece.</summary>
    Contiguous,
}
