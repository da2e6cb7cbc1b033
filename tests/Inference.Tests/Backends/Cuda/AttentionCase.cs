using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Sequences of one layer: payloads, open layers and queries, attended to by the codec on the CPU, and by kernels.</summary>
internal sealed class AttentionCase(KvCodec codec, int groupSize, float softmaxScale)
{
    private readonly List<byte[]> _payloads = [];
    private readonly List<Half[]> _openLayers = [];
    private readonly List<(int[] Blocks, int OpenBlock, int OpenTokenCount)> _sequences = [];
    private readonly List<float> _queries = [];

    private KvGeometry Geometry => codec.Geometry;

    private int QueryWidth => Geometry.KvHeadCount * groupSize * Geometry.HeadSize;

    /// <summary>Adds a Sequence.</summary>
    /// <param name="payloads">Of sealed Blocks in order.</param>
    /// <param name="openLayer">Of the open Block; columns past its tokens are zero.</param>
    /// <param name="openTokenCount">0: there is none.</param>
    /// <param name="query">All heads.</param>
    public void Add(IEnumerable<byte[]> payloads, Half[] openLayer, int openTokenCount, float[] query)
    {
        var blocks = new List<int>();
        foreach (byte[] payload in payloads)
        {
            blocks.Add(_payloads.Count);
            _payloads.Add(payload);
        }

        _sequences.Add(([.. blocks], _openLayers.Count, openTokenCount));
        _openLayers.Add(openLayer);
        _queries.AddRange(query);
    }

    /// <summary>By the codec, weights in 64 bits: [sequence][query head][channel].</summary>
    public float[] OnCpu(int layer)
    {
        float[] outputs = new float[_sequences.Count * QueryWidth];
        var raw = new RawCodec(Geometry);
        float[] scores = new float[KvGeometry.BlockTokenCount];
        for (int row = 0; row < outputs.Length / Geometry.HeadSize; row++)
        {
            (int[] blocks, int openBlock, int openTokenCount) = _sequences[row / (QueryWidth / Geometry.HeadSize)];
            int head = row % (QueryWidth / Geometry.HeadSize) / groupSize;
            float[] query = [.. _queries.Skip(row * Geometry.HeadSize).Take(Geometry.HeadSize).Select(x => x * softmaxScale)];
            var weights = new List<double>();
            foreach (int block in blocks)
            {
                codec.Scores(layer, head, _payloads[block], query, 1, scores);
                weights.AddRange(scores.Select(x => (double)x));
            }

            byte[] open = MemoryMarshal.AsBytes(_openLayers[openBlock].AsSpan()).ToArray();
            if (openTokenCount > 0)
            {
                raw.Scores(layer, head, open, query, 1, scores);
                weights.AddRange(scores.Take(openTokenCount).Select(x => (double)x));
            }

            if (weights.Count == 0)
            {
                continue;
            }

            double most = weights.Max();
            double sum = weights.Sum(x => Math.Exp(x - most));
            float[] normalised = [.. weights.Select(x => (float)(Math.Exp(x - most) / sum)), .. new float[KvGeometry.BlockTokenCount]];
            Span<float> output = outputs.AsSpan(row * Geometry.HeadSize, Geometry.HeadSize);
            for (int i = 0; i < blocks.Length; i++)
            {
                codec.AddValues(layer, head, _payloads[blocks[i]], normalised.AsSpan(i * KvGeometry.BlockTokenCount, KvGeometry.BlockTokenCount), 1, output);
            }

            raw.AddValues(layer, head, open, normalised.AsSpan(blocks.Length * KvGeometry.BlockTokenCount, KvGeometry.BlockTokenCount), 1, output);
        }

        return outputs;
    }

    /// <summary>What payloads decode to, attended to in 64 bits: [sequence][query head][channel].</summary>
    public float[] OnDecoded(int layer)
    {
        int size = Geometry.HeadSize, headLength = KvGeometry.BlockTokenCount * size;
        float[][] decoded = [.. _payloads.Select(payload => Decode(layer, payload))];
        float[] outputs = new float[_sequences.Count * QueryWidth];
        for (int row = 0; row < outputs.Length / size; row++)
        {
            (int[] blocks, int openBlock, int openTokenCount) = _sequences[row / (QueryWidth / size)];
            int at = 2 * headLength * (row % (QueryWidth / size) / groupSize);
            List<(float[] Layer, int Token)> tokens = [.. blocks.SelectMany(block => Enumerable.Range(0, KvGeometry.BlockTokenCount).Select(token => (decoded[block], token)))];
            float[] open = Array.ConvertAll(_openLayers[openBlock], value => (float)value);
            tokens.AddRange(Enumerable.Range(0, openTokenCount).Select(token => (open, token)));
            double[] scores = [.. tokens.Select(token => softmaxScale * Enumerable.Range(0, size).Sum(
                channel => (double)_queries[(row * size) + channel] * token.Layer[at + (channel * KvGeometry.BlockTokenCount) + token.Token]))];
            double most = scores.Length == 0 ? 0 : scores.Max(), sum = scores.Sum(score => Math.Exp(score - most));
            for (int channel = 0; channel < size && sum > 0; channel++)
            {
                outputs[(row * size) + channel] = (float)tokens.Select((token, i) =>
                    Math.Exp(scores[i] - most) / sum * token.Layer[at + headLength + (token.Token * size) + channel]).Sum();
            }
        }

        return outputs;
    }

    /// <summary>By the kernels: the fast ones, and the simple one.</summary>
    public (float[] Fast, float[] Simple) OnGpu(DecodeAttention fast, SimpleAttention simple, CudaStream stream, DeviceArena arena)
    {
        PooledPayload place = fast.Payload;
        float[] bySimple = [];
        float[] byFast = OnGpu(fast, place.StrideBytes, place.Place, 0, stream, arena, (work, download) =>
        {
            simple.Launch(stream, work);
            bySimple = download();
        });
        return (byFast, bySimple);
    }

    /// <summary>By kernels that read payloads as they are.</summary>
    public float[] OnGpu(IDecodeAttention attention, int layer, CudaStream stream, DeviceArena arena) => OnGpu(
        attention, PooledPayload.WholeLines(codec.MaxPayloadSizeBytes(layer)), (payload, page) => payload.CopyTo(page), layer, stream, arena, (_, _) => { });

    private float[] Decode(int layer, byte[] payload)
    {
        float[] decoded = new float[Geometry.OpenLayerLength];
        codec.Decode(layer, payload, decoded);
        return decoded;
    }

    private delegate void Placing(ReadOnlySpan<byte> payload, Span<byte> page);

    private float[] OnGpu(
        IDecodeAttention fast, int sealedStride, Placing place, int layer, CudaStream stream, DeviceArena arena, Action<AttentionWork, Func<float[]>> others)
    {
        int openStride = Geometry.OpenLayerLength * sizeof(ushort);
        var entries = new AttentionEntries(fast.OpenWeight);
        foreach ((int[] blocks, int openBlock, int openTokenCount) in _sequences)
        {
            entries.Add(blocks, openBlock, openTokenCount);
        }

        byte[] sealedPool = new byte[Math.Max(1, _payloads.Count) * sealedStride];
        byte[] openPool = new byte[_openLayers.Count * openStride];
        for (int i = 0; i < _payloads.Count; i++)
        {
            place(_payloads[i], sealedPool.AsSpan(i * sealedStride, sealedStride));
        }

        for (int i = 0; i < _openLayers.Count; i++)
        {
            MemoryMarshal.AsBytes(_openLayers[i].AsSpan()).CopyTo(openPool.AsSpan(i * openStride));
        }

        var buffers = new List<DeviceBuffer>();
        try
        {
            (long partials, long states, long scratch) = fast.RoomBytes(_sequences.Count);
            DeviceBuffer output = Room(_sequences.Count * QueryWidth * sizeof(float));
            var work = new AttentionWork
            {
                Query = Upload(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_queries))),
                Sealed = Upload(sealedPool),
                Open = Upload(openPool),
                Entries = Upload(MemoryMarshal.AsBytes(entries.Entries)),
                Starts = Upload(MemoryMarshal.AsBytes(entries.Starts)),
                OpenTokens = Upload(MemoryMarshal.AsBytes(entries.OpenTokens)),
                Partials = Room(partials).Address,
                States = Room(states).Address,
                Output = output.Address,
                SealedStride = (ulong)sealedStride,
                OpenStride = (ulong)openStride,
                SequenceCount = _sequences.Count,
                KvHeadCount = Geometry.KvHeadCount,
                GroupSize = groupSize,
                ChunkCount = fast.ChunkCount,
                SoftmaxScale = softmaxScale,
                Flags = AttentionWorkFlags.QueryIsSingle | AttentionWorkFlags.OutputIsSingle,
            };
            fast.Launch(stream, layer, work, Room(scratch).Address, isSealedStable: true);
            float[] byFast = Download(output);
            stream.Fill(output.Address, 0xFF, output.SizeBytes);
            others(work, () => Download(output));
            return byFast;
        }
        finally
        {
            stream.Synchronize();
            buffers.ForEach(buffer => buffer.Dispose());
        }

        // Poisoned: 0xFF bytes are NaN.
        DeviceBuffer Room(long size)
        {
            DeviceBuffer buffer = arena.Allocate(Math.Max(size, 1));
            buffers.Add(buffer);
            stream.Fill(buffer.Address, 0xFF, buffer.SizeBytes);
            return buffer;
        }

        ulong Upload(ReadOnlySpan<byte> bytes)
        {
            DeviceBuffer buffer = Room(bytes.Length);
            stream.CopyToDevice(buffer.Address, bytes);
            stream.Synchronize();
            return buffer.Address;
        }

        unsafe float[] Download(DeviceBuffer buffer)
        {
            float[] values = new float[buffer.SizeBytes / sizeof(float)];
            fixed (float* to = values)
            {
                stream.CopyToHost((byte*)to, buffer.Address, buffer.SizeBytes);
                stream.Synchronize();
            }

            return values;
        }
    }

    /// <summary>|actual - expected| / |expected| over all; NaN when anything was left unwritten.</summary>
    public static double Error(float[] actual, float[] expected)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)actual[i] - expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }

        return Math.Sqrt(difference / Math.Max(norm, 1e-30));
    }
}
