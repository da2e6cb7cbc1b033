namespace Orleans.Enumeration;

/// <summary>The answer to a poll.</summary>
/// <param name="Items">Items that were ready; null for none.</param>
/// <param name="End">What follows them.</param>
internal sealed record Page<T>(List<T>? Items, PageEnd End);

internal enum PageEnd
{
    /// <summary>Poll again.</summary>
    More,

    /// <summary>The enumeration is complete.</summary>
    Completed,

    /// <summary>The activation does not know the enumeration.</summary>
    Unknown,
}
