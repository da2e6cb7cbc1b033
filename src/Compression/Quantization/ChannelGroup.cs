namespace KvCluster.Compression.Quantization;

/// <summary>Neighbouring channels of a head that are quantised alike.</summary>
/// <param name="Start">The first channel.</param>
/// <param name="Width">How many; a multiple of 16.</param>
/// <param name="Offset">Where the group begins in the payload.</param>
internal readonly record struct ChannelGroup(int Start, int Width, int Offset);
