using KvCluster.Inference.Backends.Cuda.Model;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed partial class ModelKernelsTests
{
    [Theory]
    [InlineData(64, 8, 8, false)]
    [InlineData(128, 32, 8, false)]
    [InlineData(64, 3, 1, true)]
    [InlineData(128, 7, 1, true)]
    public void Append_RandomRows_AgreesWithLoops(int headSize, int heads, int kvHeads, bool hasAll)
    {
        using var scratch = Start(headSize, out ModelKernels kernels);
        const int PageCount = 3;
        int all = heads + (2 * kvHeads), half = headSize / 2;
        int[] positions = [5, 63, 64, 200, 9], pages = [2, 0, 1, 1, -1], probes = [-1, 1, -1, 0, -1];
        float[] projected = DeviceScratch.Random(_random, positions.Length * all * headSize, 2);
        float[] bias = hasAll ? DeviceScratch.Random(_random, all * headSize) : new float[all * headSize];
        float[] norm = DeviceScratch.Random(_random, headSize), keyNorm = DeviceScratch.Random(_random, headSize);
        projected[(((1 * all) + heads) * headSize) + 3] = hasAll ? 0.5f : float.PositiveInfinity;
        float[] rotation = new float[256 * half * 2];
        for (int i = 0; i < rotation.Length / 2; i++)
        {
            (rotation[(2 * i) + 1], rotation[2 * i]) = MathF.SinCos(i / half * MathF.Pow(1000, -(float)(i % half) / half));
        }

        int pageHalves = kvHeads * 128 * headSize;
        ushort[] before = [.. Enumerable.Range(0, PageCount * pageHalves).Select(i => (ushort)(i % 1000))];
        ulong query = scratch.Poisoned<float>(positions.Length * heads * headSize), open = scratch.Upload(before);
        int kvWidth = kvHeads * headSize;
        ulong queryRows = scratch.Poisoned<ushort>(positions.Length * heads * headSize);
        ulong keyRows = scratch.Poisoned<ushort>(positions.Length * kvWidth), valueRows = scratch.Poisoned<ushort>(positions.Length * kvWidth);
        ulong probeQueries = scratch.Poisoned<ushort>(2 * heads * headSize), failures = scratch.Poisoned<int>(positions.Length);
        var work = new ModelKernels.Append
        {
            Projected = scratch.Upload(Array.ConvertAll(projected, DeviceScratch.Brain)),
            Bias = hasAll ? scratch.Upload(bias) : 0,
            QueryNorm = hasAll ? scratch.Upload(norm) : 0,
            KeyNorm = hasAll ? scratch.Upload(keyNorm) : 0,
            Rotation = scratch.Upload(rotation),
            Positions = scratch.Upload(positions),
            Pages = scratch.Upload(pages),
            Probes = scratch.Upload(probes),
            Query = query,
            QueryRows = queryRows,
            KeyRows = keyRows,
            ValueRows = valueRows,
            Open = open,
            ProbeQueries = probeQueries,
            Failures = failures,
            OpenStride = (ulong)(pageHalves * sizeof(ushort)),
            HeadCount = heads,
            KvHeadCount = kvHeads,
            Layer = 4,
            Epsilon = 1e-5f,
        };
        kernels.Launch(scratch.Stream, work, positions.Length);

        float[] expectedQuery = new float[(positions.Length - 1) * heads * headSize];
        float[] expectedKeys = new float[(positions.Length - 1) * kvWidth], expectedValues = new float[expectedKeys.Length];
        Half[] expectedOpen = Array.ConvertAll(before, BitConverter.UInt16BitsToHalf);
        for (int row = 0; row < positions.Length - 1; row++)
        {
            for (int head = 0; head < all; head++)
            {
                bool isQuery = head < heads, isValue = head >= heads + kvHeads;
                float[] x = [.. Enumerable.Range(0, headSize).Select(i => projected[(((row * all) + head) * headSize) + i] + bias[(head * headSize) + i])];
                x = hasAll && !isValue ? Normalised(x, isQuery ? norm : keyNorm, 1e-5) : x;
                x = isValue ? x : Rotated(x, rotation.AsSpan(positions[row] * headSize, headSize));
                int page = (pages[row] * pageHalves) + ((head - (isValue ? heads + kvHeads : heads)) * 128 * headSize), column = positions[row] % 64;
                for (int i = 0; i < headSize; i++)
                {
                    if (isQuery)
                    {
                        expectedQuery[(((row * heads) + head) * headSize) + i] = x[i];
                    }
                    else
                    {
                        int kvHead = head - (isValue ? heads + kvHeads : heads);
                        (isValue ? expectedValues : expectedKeys)[(row * kvWidth) + (kvHead * headSize) + i] = float.IsFinite(x[i]) ? x[i] : 0;
                        expectedOpen[page + (isValue ? (64 * headSize) + (column * headSize) + i : (i * 64) + column)] = float.IsFinite(x[i]) ? (Half)x[i] : Half.Zero;
                    }
                }
            }
        }

        Near(scratch.Download<float>(query, expectedQuery.Length), expectedQuery, SingleTolerance);
        Near(Halves(queryRows, expectedQuery.Length), expectedQuery, 5e-4);
        Near(Halves(keyRows, expectedKeys.Length), expectedKeys, 5e-4);
        Near(Halves(valueRows, expectedValues.Length), expectedValues, 5e-4);

        // The row without a page is in no Block, and finite where tiles of attention may read it.
        float[] zeros = new float[kvWidth];
        Assert.Equal(zeros, Halves(keyRows, positions.Length * kvWidth)[^kvWidth..]);
        Assert.Equal(zeros, Halves(valueRows, positions.Length * kvWidth)[^kvWidth..]);
        float[] probed = Halves(probeQueries, 2 * heads * headSize);
        int width = heads * headSize;
        Near(probed, [.. expectedQuery.AsSpan(3 * width, width), .. expectedQuery.AsSpan(width, width)], 5e-4);
        Near(Halves(open, before.Length), Array.ConvertAll(expectedOpen, value => (float)value), 5e-4);
        Assert.Equal(hasAll ? [-1, -1, -1, -1, -1] : [-1, 4, -1, -1, -1], scratch.Download<int>(failures, positions.Length));

        float[] Halves(ulong from, int count) => Array.ConvertAll(scratch.Download<ushort>(from, count), bits => (float)BitConverter.UInt16BitsToHalf(bits));
    }
}
