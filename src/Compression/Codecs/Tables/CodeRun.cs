namespace KvCluster.Compression.Codecs.Tables;

/// <summary>
/// A matrix of codes of one width, a part of a latent head's K (a row a channel) or V (a row a token): rows follow one another without gaps. Tokens are in
/// the order in which they are stored. Offsets are in bytes from the start of the payload, −1 for what there is not.
/// </summary>
/// <param name="Parameters">Of the codes.</param>
/// <param name="BitCount">1 to 8; 16: floats.</param>
/// <param name="Offset">Of the codes.</param>
/// <param name="FirstChannel">Of the head.</param>
/// <param name="ChannelCount">A multiple of 16.</param>
/// <param name="FirstToken">Of the Block.</param>
/// <param name="TokenCount">A multiple of 16.</param>
/// <param name="ScaleOffset">Of its first token's or channel's.</param>
/// <param name="ZeroOffset">Likewise.</param>
/// <param name="StepOffset">Of the steps of the head's channels, 4 bits each in the order of 4-bit codes.</param>
/// <param name="GreatestOffset">Of the head's greatest channel scale.</param>
public readonly record struct CodeRun(
    CodeParameters Parameters,
    int BitCount,
    int Offset,
    int FirstChannel,
    int ChannelCount,
    int FirstToken,
    int TokenCount,
    int ScaleOffset = -1,
    int ZeroOffset = -1,
    int StepOffset = -1,
    int GreatestOffset = -1);
