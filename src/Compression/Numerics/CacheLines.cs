using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Numerics;

/// <summary>Asks for memory before it is needed. A wrong guess costs time only.</summary>
internal static unsafe class CacheLines
{
    private const int SizeBytes = 64;

    public static void Prefetch(byte* start, int sizeBytes)
    {
        byte* end = start + sizeBytes;
        for (byte* line = (byte*)((nint)start & -SizeBytes); Sse.IsSupported && line < end; line += SizeBytes)
        {
            Sse.Prefetch0(line);
        }
    }
}
