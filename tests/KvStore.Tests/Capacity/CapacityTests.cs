using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Capacity;

/// <summary>Tokens that a budget of memory holds: real slabs of the demo model's shape, put into the real tier until it evicts.</summary>
public sealed class CapacityTests(ITestOutputHelper output)
{
    private const long BudgetBytes = 192L << 20;
    private const double PromisedRatio = 4.3;

    private static readonly KvGeometry Geometry = new(LayerCount: 8, KvHeadCount: 8, HeadSize: 64);

    [Fact]
    public void FillUntilEviction_ZipCache_HoldsOverFourTimesTheTokensOfRaw()
    {
        (int raw, double rawUse) = Fill("raw");
        (int zipCache, double zipCacheUse) = Fill("zipcache");
        double ratio = (double)zipCache / raw;
        output.WriteLine(
            $"{BudgetBytes >> 20} MiB hold {raw:N0} tokens of raw ({rawUse:P1} of the budget resident) and {zipCache:N0} of zipcache ({zipCacheUse:P1}): {ratio:0.00} x");
        Assert.True(ratio >= PromisedRatio, $"zipcache holds only {ratio:0.00} x the tokens of raw");
    }

    /// <summary>Blocks of many sizes, evicted in no order of theirs: what the pool holds resident stays within the budget.</summary>
    [Fact]
    public void Fill_MixedCodecsForLong_StaysWithinTheBudget()
    {
        string[] specs = ["raw", "int8", "int4", "zipcache", "int2", "gear(bits=2)"];
        byte[][][] slabs = [.. specs.Select(Encode)];
        var pool = new SlabPool();
        using var tier = new MemoryTier(
            BudgetBytes, new TestTimeProvider(), options: new MemoryTierOptions { EvictionPolicy = EvictionPolicies.Default, Pool = pool });
        var random = new Random(1);
        double most = 0;
        double sum = 0;
        const int Count = 6000;
        for (int number = 0; number < Count; number++)
        {
            Put(tier, pool, slabs[random.Next(specs.Length)], number);
            tier.Lookup([TestSlabs.Id(random.Next(number + 1))], TimeSpan.Zero, out _);
            double resident = (double)(pool.RentedBytes + pool.RetainedBytes) / BudgetBytes;
            most = Math.Max(most, resident);
            sum += number >= Count / 2 ? (double)tier.Stat().ByteCount / BudgetBytes : 0;
        }

        output.WriteLine($"at most {most:P2} of the budget resident; slabs are {sum / (Count / 2):P1} of it on average");
        Assert.True(tier.Counters.EvictedBlocks > Count / 2);
        Assert.InRange(most, 0.8, 1.0);
        tier.CheckIntegrity(pool);
    }

    private static (int TokenCount, double Use) Fill(string spec)
    {
        byte[][] slabs = Encode(spec);
        var pool = new SlabPool();
        using var tier = new MemoryTier(BudgetBytes, new TestTimeProvider(), options: new MemoryTierOptions { Pool = pool });
        int blockCount = 0;
        for (int number = 0; tier.Counters.EvictedBlocks == 0; number++)
        {
            blockCount = tier.Stat().BlockCount;
            Put(tier, pool, slabs, number);
        }

        tier.CheckIntegrity(pool);
        double use = (double)(pool.RentedBytes + pool.RetainedBytes) / BudgetBytes;
        Assert.InRange(use, 0.85, 1);
        return (blockCount * KvGeometry.BlockTokenCount, use);
    }

    private static void Put(MemoryTier tier, SlabPool pool, byte[][] slabs, int number)
    {
        PutSession session = tier.BeginPut("worker", TestSlabs.Epoch)!;
        for (int layer = 0; layer < slabs.Length; layer++)
        {
            Assert.Equal(SlabError.None, Slab.Verify(slabs[layer], default, out SlabHeader header));
            header = header with { BlockId = TestSlabs.Id(number) };
            SlabLease lease = pool.Rent(slabs[layer].Length);
            slabs[layer].CopyTo(lease.Span);
            Slab.Write(lease.Span, header);
            Assert.Equal(PutResult.Stored, tier.Add(session, new VerifiedSlab(header, slabs.Length, lease, false)).Result);
        }

        tier.EndPut(session);
    }

    private static byte[][] Encode(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, Geometry);
        var random = new Random(7);
        var openLayer = new Half[Geometry.OpenLayerLength];
        float[] saliency = [.. Enumerable.Range(0, KvGeometry.BlockTokenCount).Select(_ => random.NextSingle())];
        byte[][] slabs = new byte[Geometry.LayerCount][];
        for (int layer = 0; layer < slabs.Length; layer++)
        {
            for (int i = 0; i < openLayer.Length; i++)
            {
                openLayer[i] = (Half)(random.NextSingle() + random.NextSingle() - 1);
            }

            byte[] payload = new byte[codec.MaxPayloadSizeBytes(layer)];
            int payloadBytes = codec.Encode(layer, openLayer, saliency, payload);
            SlabHeader header = TestSlabs.Header(TestSlabs.Id(0), layer, payloadSizeBytes: payloadBytes) with
            {
                CodecFingerprint = codec.Fingerprint,
                KvHeadCount = Geometry.KvHeadCount,
                HeadSize = Geometry.HeadSize,
            };
            slabs[layer] = new byte[Slab.SizeBytes(header)];
            payload.AsSpan(0, payloadBytes).CopyTo(slabs[layer].AsSpan(Slab.HeaderSizeBytes));
            Slab.Write(slabs[layer], header);
        }

        return slabs;
    }
}
