namespace Orleans.Enumeration;

internal enum PageEnd
{
    /// <summary>Poll again.</summary>
    More,

    /// <summary>The enumeration is complete.</summary>
    Completed,

    /// <summary>The activation does not know the enumeration.</summary>
    Unknown,
}
