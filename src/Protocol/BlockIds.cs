using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol;

/// <summary>BlockIds in messages: 16 bytes each.</summary>
public static class BlockIds
{
    public static ByteString ToByteString(this BlockId id)
    {
        Span<byte> bytes = stackalloc byte[BlockId.SizeBytes];
        id.Write(bytes);
        return ByteString.CopyFrom(bytes);
    }

    public static IEnumerable<ByteString> ToByteStrings(this IEnumerable<BlockId> ids) => ids.Select(ToByteString);

    /// <exception cref="RpcException">INVALID_ARGUMENT that names <paramref name="field"/>.</exception>
    public static BlockId Parse(ByteString bytes, string field) => bytes.Length == BlockId.SizeBytes
        ? BlockId.Read(bytes.Span)
        : throw new RpcException(new Status(StatusCode.InvalidArgument, $"{field} must be {BlockId.SizeBytes} bytes, not {bytes.Length}"));

    /// <exception cref="RpcException">INVALID_ARGUMENT that names <paramref name="field"/> and the index.</exception>
    public static BlockId[] Parse(RepeatedField<ByteString> repeated, string field)
    {
        var ids = new BlockId[repeated.Count];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = repeated[i].Length == BlockId.SizeBytes ? BlockId.Read(repeated[i].Span) : Parse(repeated[i], $"{field}[{i}]");
        }

        return ids;
    }
}
