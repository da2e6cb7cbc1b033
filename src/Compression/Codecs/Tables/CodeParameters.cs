namespace KvCluster.Compression.Codecs.Tables;

/// <summary>What a code is multiplied with, and what is added.</summary>
public enum CodeParameters
{
    /// <summary>16-bit floats are values; codes of b bits stand for code − 2^(b−1) + ½.</summary>
    None,

    /// <summary>x̂ = (code · scale + zero) · channel: 16-bit scale and zero of each token, and a scale of each channel where there are steps.</summary>
    Token,

    /// <summary>x̂ = code · scale + zero: 16-bit scale and zero of each channel.</summary>
    Channel,
}
