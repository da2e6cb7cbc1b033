using System.Buffers.Binary;
using System.Numerics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Tests.Codecs.Tables;

/// <summary>Decodes a payload by its table alone, an element at a time: what a backend does that has no code of the codec's.</summary>
internal static class TableOracle
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>The open layer; tokens that were evicted are 0.</summary>
    public static double[] Decode(KvCodec codec, int layer, byte[] payload)
    {
        PayloadTable table = codec.Table(layer)!;
        return Decode(codec.Geometry, table, Order(table, payload), _ => payload);
    }

    /// <summary>The open layer of tokens that are stored in their order.</summary>
    /// <param name="geometry">Of the model.</param>
    /// <param name="table">Of the layer.</param>
    /// <param name="bytes">By latent head, what the table's offsets are in.</param>
    public static double[] Decode(KvGeometry geometry, PayloadTable table, Func<int, byte[]> bytes) =>
        Decode(geometry, table, [.. Enumerable.Range(0, Tokens)], bytes);

    private static double[] Decode(KvGeometry geometry, PayloadTable table, int[] order, Func<int, byte[]> bytes)
    {
        int size = geometry.HeadSize;
        double[] open = new double[geometry.OpenLayerLength];
        for (int head = 0; head < table.Heads.Count; head++)
        {
            StoredHead stored = table.Heads[head];
            byte[] payload = bytes(head);
            double[,] keys = Matrix(payload, stored.Keys, stored.KeyChannelCount, isKey: true, stored.KeyResidual);
            double[,] values = Matrix(payload, stored.Values, stored.ValueChannelCount, isKey: false, stored.ValueResidual);
            HeadGroup? group = table.Groups?[head];
            IReadOnlyList<int> kvHeads = group?.KvHeads ?? [head];
            for (int member = 0; member < kvHeads.Count; member++)
            {
                for (int stand = 0; stand < table.TokenCount; stand++)
                {
                    for (int channel = 0; channel < size; channel++)
                    {
                        int row = (member * size) + channel;
                        int at = 2 * kvHeads[member] * size * Tokens;
                        open[at + (channel * Tokens) + order[stand]] = Restore(group?.QueryMap, group?.KeyMean, stored.KeyChannelCount, row, rank => keys[rank, stand], channel);
                        open[at + (size * Tokens) + (order[stand] * size) + channel] =
                            Restore(group?.OutputMap, group?.ValueMean, stored.ValueChannelCount, row, rank => values[stand, rank], channel);
                    }
                }
            }
        }

        return open;
    }

    private static double Restore(float[]? map, float[]? mean, int rank, int row, Func<int, double> latent, int channel) => map is null
        ? latent(channel)
        : Enumerable.Range(0, rank).Sum(r => map[(row * rank) + r] * latent(r)) + (mean!.Length > 0 ? mean[row] : 0);

    /// <summary>Tokens as they are stored.</summary>
    private static int[] Order(PayloadTable table, byte[] payload)
    {
        int[] all = [.. Enumerable.Range(0, Tokens)];
        if (table.ChosenOffset < 0)
        {
            return all;
        }

        ulong chosen = BinaryPrimitives.ReadUInt64LittleEndian(payload.AsSpan(table.ChosenOffset));
        return [.. all.OrderBy(token => (chosen >> token & 1) == 0).ThenBy(token => token)];
    }

    private static double[,] Matrix(byte[] payload, IReadOnlyList<CodeRun> runs, int channels, bool isKey, StoredResidual? residual)
    {
        var matrix = new double[isKey ? channels : Tokens, isKey ? Tokens : channels];
        foreach (CodeRun run in runs)
        {
            for (int token = 0; token < run.TokenCount; token++)
            {
                for (int channel = 0; channel < run.ChannelCount; channel++)
                {
                    (int row, int column, int width) = isKey ? (channel, token, run.TokenCount) : (token, channel, run.ChannelCount);
                    double value = Value(payload, run, (row * width) + column, token, channel);
                    matrix[isKey ? run.FirstChannel + channel : run.FirstToken + token, isKey ? run.FirstToken + token : run.FirstChannel + channel] = value;
                }
            }
        }

        if (residual is not null)
        {
            Add(payload, residual, matrix);
        }

        return matrix;
    }

    private static double Value(byte[] payload, CodeRun run, int index, int token, int channel)
    {
        if (run.BitCount == 16)
        {
            return Half(payload, run.Offset + (2 * index));
        }

        int code = Code(payload.AsSpan(run.Offset + (index / 16 * 2 * run.BitCount), 2 * run.BitCount), index % 16, run.BitCount);
        switch (run.Parameters)
        {
            case CodeParameters.Token:
                double scaled = (code * Half(payload, run.ScaleOffset + (2 * token))) + Half(payload, run.ZeroOffset + (2 * token));
                int place = run.FirstChannel + channel;
                return run.StepOffset < 0 ? scaled : scaled * Channel(payload[run.GreatestOffset], Nibble(payload, run.StepOffset, place));
            case CodeParameters.Channel:
                return (code * Half(payload, run.ScaleOffset + (2 * channel))) + Half(payload, run.ZeroOffset + (2 * channel));
            default:
                return code - (1 << (run.BitCount - 1)) + 0.5;
        }
    }

    private static int Code(ReadOnlySpan<byte> group, int index, int bits) => bits switch
    {
        8 => group[index],
        4 => group[index % 8] >> (index < 8 ? 0 : 4) & 15,
        _ => (int)(new BigInteger(group, isUnsigned: true) >> (bits * index) & ((1 << bits) - 1)),
    };

    private static int Nibble(byte[] payload, int offset, int index) => payload[offset + (index / 16 * 8) + (index % 8)] >> (index % 16 < 8 ? 0 : 4) & 15;

    private static double Channel(int greatest, int step) => BitConverter.Int32BitsToSingle((greatest - (2 * step) + 888) << 20);

    private static void Add(byte[] payload, StoredResidual residual, double[,] matrix)
    {
        for (int rank = 0; rank < residual.Rank; rank++)
        {
            double scale = BitConverter.ToSingle(payload, residual.ScaleOffset + (4 * rank));
            for (int row = 0; row < residual.RowCount; row++)
            {
                for (int column = 0; column < residual.ColumnCount; column++)
                {
                    int left = Nibble(payload, residual.LeftOffset + (rank * residual.RowCount / 2), row) - 8;
                    int right = Nibble(payload, residual.RightOffset + (rank * residual.ColumnCount / 2), column) - 8;
                    matrix[row, column] += scale * left * right;
                }
            }
        }

        int position = 0;
        for (int slot = 0; slot < residual.SlotCount; slot++)
        {
            position += payload[residual.GapOffset + slot];
            matrix[position / residual.ColumnCount, position % residual.ColumnCount] +=
                (sbyte)payload[residual.OutlierCodeOffset + slot] * (double)BitConverter.ToSingle(payload, residual.OutlierScaleOffset);
        }
    }

    private static double Half(byte[] payload, int offset) => (double)BinaryPrimitives.ReadHalfLittleEndian(payload.AsSpan(offset));
}
