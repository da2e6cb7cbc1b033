using System.Buffers.Binary;
using System.Text;

namespace KvCluster.Inference.Tests.Models;

/// <summary>Writes safetensors bytes, also wrong ones.</summary>
internal static class SafetensorsWriter
{
    public const string ValidHeader =
        """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"c":{"dtype":"F16","shape":[],"data_offsets":[22,24]}}""";

    public static byte[] Write(string header, int dataByteCount = 24)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataByteCount];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    /// <summary>a = 1, 2, 3, 4; b = 1, -2, 0.5; c = 1.5.</summary>
    public static byte[] WriteValid()
    {
        var bytes = Write(ValidHeader);
        var data = bytes.AsSpan(^24..);
        for (var i = 0; i < 4; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(data[(4 * i)..], i + 1);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(data[16..], 0x3F80);
        BinaryPrimitives.WriteUInt16LittleEndian(data[18..], 0xC000);
        BinaryPrimitives.WriteUInt16LittleEndian(data[20..], 0x3F00);
        BinaryPrimitives.WriteHalfLittleEndian(data[22..], (Half)1.5f);
        return bytes;
    }
}
