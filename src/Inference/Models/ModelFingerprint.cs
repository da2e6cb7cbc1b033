using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvCluster.Inference.Models;

/// <summary>
/// Tells models apart without reading all of a large one. First 8 bytes, little-endian, of the SHA-256 over config.json and,
/// for each weights file in the order of its name: length (8 bytes little-endian), header, and the content. Content is the
/// whole file under 256 MiB, else 64 KiB at every multiple of 16 MiB and the last 64 KiB. Names and folders do not matter.
/// </summary>
internal static class ModelFingerprint
{
    public const long WholeFileLimitByteCount = 256L << 20;
    public const long SampleDistanceByteCount = 16L << 20;
    public const int SampleByteCount = 64 << 10;

    public static ulong Compute(ReadOnlySpan<byte> configJson, SafetensorsFolder tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(configJson);
        Span<byte> length = stackalloc byte[sizeof(long)];
        foreach (var file in tensors.Files)
        {
            BinaryPrimitives.WriteInt64LittleEndian(length, file.ByteCount);
            hash.AppendData(length);
            hash.AppendData(Piece(file, 0, file.HeaderByteCount));
            AppendContent(hash, file);
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    private static void AppendContent(IncrementalHash hash, SafetensorsFile file)
    {
        if (file.ByteCount < WholeFileLimitByteCount)
        {
            hash.AppendData(Piece(file, 0, (int)file.ByteCount));
            return;
        }

        for (long offset = 0; offset < file.ByteCount; offset += SampleDistanceByteCount)
        {
            hash.AppendData(Piece(file, offset, (int)Math.Min(SampleByteCount, file.ByteCount - offset)));
        }

        hash.AppendData(Piece(file, file.ByteCount - SampleByteCount, SampleByteCount));
    }

    private static unsafe ReadOnlySpan<byte> Piece(SafetensorsFile file, long offset, int byteCount) => new(file.Base + offset, byteCount);
}
