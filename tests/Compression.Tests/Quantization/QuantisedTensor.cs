using System.Buffers.Binary;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Reads K, or V, of a payload value by value, by the byte tables of docs/slab-format.md alone. Tokens are in their stored order.</summary>
internal sealed class QuantisedTensor
{
    private readonly QuantiserFormat _format;
    private readonly bool _isKey;
    private readonly byte[] _payload;
    private readonly int _start;
    private readonly int[] _sizes;
    private readonly (int Count, int Bits)[] _segments;

    public QuantisedTensor(QuantiserFormat format, LatentShape shape, bool isKey, byte[] payload)
    {
        _format = format;
        _isKey = isKey;
        _payload = payload;
        _sizes = [.. Enumerable.Range(0, shape.HeadCount).Select(head => isKey ? shape.KeySize(head) : shape.ValueSize(head))];
        _segments = isKey ? format.KeySegments : format.Segments;
        _start = isKey ? 0 : new QuantisedTensor(format, shape, true, payload).SizeBytes;
    }

    public IReadOnlyList<(int Count, int Bits)> Segments => _segments;

    public int SizeBytes => IsGrouped
        ? _sizes.Sum(size => GroupsOf(size).Sum(group => 256 + (8 * group.Width * Bits)))
        : (UsedSize + 15) / 16 * 16;

    /// <summary>Bytes that have a meaning.</summary>
    public int UsedSize => IsGrouped ? SizeBytes : StepsOffset + (IsTokenwise && _format.IsSeparable ? (_sizes.Sum() / 2) + _sizes.Length : 0);

    public bool IsTokenwise => _isKey ? !_format.HasChannelwiseKeys : !IsGrouped;

    private bool IsGrouped => !_isKey && _format.GroupSize > 0;

    private int Bits => _segments[0].Bits;

    private int BitsPerChannel => _segments.Sum(segment => segment.Count * segment.Bits);

    private int CodesOffset => IsTokenwise ? 256 : _segments.Length * 4 * _sizes.Sum();

    private int StepsOffset => CodesOffset + (_sizes.Sum() * BitsPerChannel / 8);

    public static IEnumerable<(int Start, int Width)> Groups(int size, int groupSize)
    {
        for (int start = 0; start < size; start += groupSize)
        {
            yield return (start, Math.Min(groupSize, size - start));
        }
    }

    /// <summary>A channel scale; the number may be below 0.</summary>
    public static float ChannelScale(int code) => (1 + ((code & 7) / 8f)) * MathF.Pow(2, (code >> 3) - 16);

    public float Scale(int head, int channel, int token) => ReadHalf(ParameterOffset(head, channel, token));

    public float Zero(int head, int channel, int token) =>
        ReadHalf(ParameterOffset(head, channel, token) + (IsTokenwise || IsGrouped ? 128 : 2 * _sizes.Sum()));

    public float Channel(int head, int channel)
    {
        if (!IsTokenwise || !_format.IsSeparable)
        {
            return 1;
        }

        int greatest = _payload[_start + StepsOffset + (_sizes.Sum() / 2) + head];
        return ChannelScale(greatest - (2 * ReadCode(StepsOffset, _sizes.Take(head).Sum() + channel, 4)));
    }

    public int Code(int head, int channel, int token)
    {
        if (IsGrouped)
        {
            (int start, int width, int offset) = Group(head, channel);
            return ReadCode(offset + 256, (token * width) + channel - start, Bits);
        }

        (int segment, int first) = Segment(token);
        int size = _sizes[head];
        int bytes = CodesOffset + (_sizes.Take(head).Sum() * BitsPerChannel / 8)
            + (size * _segments.Take(segment).Sum(before => before.Count * before.Bits) / 8);
        int element = _isKey ? (channel * _segments[segment].Count) + token - first : ((token - first) * size) + channel;
        return ReadCode(bytes, element, _segments[segment].Bits);
    }

    /// <summary>The segment of a token and where it begins.</summary>
    public (int Index, int First) Segment(int token)
    {
        int index = 0;
        int first = 0;
        while (token >= first + _segments[index].Count)
        {
            first += _segments[index++].Count;
        }

        return (index, first);
    }

    public IEnumerable<(int Start, int Width)> GroupsOf(int size) => Groups(size, _format.GroupSize);

    private int ParameterOffset(int head, int channel, int token)
    {
        if (IsGrouped)
        {
            return Group(head, channel).Offset + (2 * token);
        }

        return IsTokenwise ? 2 * token : (Segment(token).Index * 4 * _sizes.Sum()) + (2 * (_sizes.Take(head).Sum() + channel));
    }

    private (int Start, int Width, int Offset) Group(int head, int channel)
    {
        int offset = _sizes.Take(head).Sum(size => GroupsOf(size).Sum(group => 256 + (8 * group.Width * Bits)));
        foreach ((int start, int width) in GroupsOf(_sizes[head]))
        {
            if (channel < start + width)
            {
                return (start, width, offset);
            }

            offset += 256 + (8 * width * Bits);
        }

        throw new ArgumentOutOfRangeException(nameof(channel));
    }

    private int ReadCode(int offset, int element, int bits)
    {
        Span<byte> codes = _payload.AsSpan(_start + offset);
        if (bits == 4)
        {
            int pair = codes[(element / 16 * 8) + (element % 8)];
            return element % 16 < 8 ? pair % 16 : pair / 16;
        }

        int code = 0;
        for (int i = 0; i < bits; i++)
        {
            int bit = (element * bits) + i;
            code += (codes[bit / 8] >> (bit % 8) & 1) << i;
        }

        return code;
    }

    private float ReadHalf(int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(_payload.AsSpan(_start + offset));
}
