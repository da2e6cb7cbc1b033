using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Tests.Codecs.Tables;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>What kernels take for granted of tables and of their staged copies, for codecs of random geometry and ranks.</summary>
public sealed class StagedPayloadTests
{
    private const int CopyBytes = 16;
    private const int Tokens = KvGeometry.BlockTokenCount;

    private static readonly string[] Specs =
    [
        "gear", "gear(bits=2)", "gear-l", "gear-l(bits=2,rank=7)", "gear(rank=0,sparse=0.3)", "gear(keys=0.1,rank=2,sparse=0.001)", "int4+gear", "raw+gear-l",
        "kcvt4", "kivi2", "kivi4", "kivi2(group=64)", "int4(channels=plain)", "int8(channels=plain)", "int3", "zipcache(high=8)", "zipcache(keys=channel)",
        "zipcache(high=3,keybits=mixed,salient=0.75)", "zack", "zack+int4", "zack+int3", "zack+zipcache", "zack+gear", "zack+kivi4", "kvheads",
        "kvheads+gear(bits=2)", "pca+waterfill", "pca+waterfill+gear-l",
    ];

    [Fact]
    public void Spans_AnyCodec_CoverEachPieceOnce() => ForAll(60, codec =>
    {
        foreach ((PayloadTable table, StagedPayload staged) in Layers(codec))
        {
            for (int head = 0; head < table.Heads.Count; head++)
            {
                int from = 0, to = 0;
                foreach (StagedSpan span in staged.Spans[head])
                {
                    Assert.Equal((0, 0, 0), (span.From % CopyBytes, span.To % CopyBytes, span.SizeBytes % CopyBytes));
                    Assert.True(span.From >= from && span.SizeBytes > 0, $"{codec.Spec}: {span} follows {from}");
                    Assert.Equal(to, span.To);
                    (from, to) = (span.From + span.SizeBytes, span.To + span.SizeBytes);
                }

                // Pages have whole lines, so that the last piece is there too.
                Assert.InRange(from, 0, (table.SizeBytes + CopyBytes - 1) & -CopyBytes);
                Assert.InRange(to, 0, staged.SizeBytes);
            }

            Assert.Equal(staged.SizeBytes, staged.Spans.Max(spans => spans.Sum(span => span.SizeBytes)));
        }
    });

    [Fact]
    public void Table_AnyCodec_HasEveryRangeInOneSpanAtTheSameRemainder() => ForAll(60, codec =>
    {
        foreach ((PayloadTable table, StagedPayload staged) in Layers(codec))
        {
            for (int head = 0; head < table.Heads.Count; head++)
            {
                (int At, int Bytes)[] before = [.. Ranges(table.Heads[head])], after = [.. Ranges(staged.Table.Heads[head])];
                Assert.Equal(before.Select(range => (range.At % CopyBytes, range.Bytes)), after.Select(range => (range.At % CopyBytes, range.Bytes)));
                foreach ((int at, int bytes, int moved) in before.Zip(after, (a, b) => (a.At, a.Bytes, b.At)).Where(range => range.Bytes > 0))
                {
                    StagedSpan span = Assert.Single(staged.Spans[head], span => at >= span.From && at + bytes <= span.From + span.SizeBytes);
                    Assert.Equal(at - span.From, moved - span.To);
                }
            }
        }
    });

    [Fact]
    public void Table_AnyCodec_IsAlignedForTheLoadsOfKernels() => ForAll(60, codec =>
    {
        foreach ((PayloadTable table, _) in Layers(codec))
        {
            foreach (StoredHead head in table.Heads)
            {
                Assert.True(head.Keys.Concat(head.Values).All(run => run.ChannelCount is > 0 && run.TokenCount is > 0 && run.ChannelCount % 16 == 0 && run.TokenCount % 16 == 0));
                foreach (CodeRun run in head.Keys.Concat(head.Values))
                {
                    // stored_pairs: groups of 16 codes, in loads of as many bytes as go into one.
                    int group = run.BitCount switch { 16 or 8 => 16, 4 => 8, 2 => 4, _ => 2 };
                    bool isAlong = run.Parameters == (head.Keys.Contains(run) ? CodeParameters.Token : CodeParameters.Channel);
                    int parameter = isAlong ? 16 : 2;
                    Assert.Equal((0, 0, 0), (run.Offset % group, Math.Max(run.ScaleOffset, 0) % parameter, Math.Max(run.ZeroOffset, 0) % parameter));
                    Assert.Equal(0, Math.Max(run.StepOffset, 0) % 8);
                }

                foreach (StoredResidual residual in Residuals(head))
                {
                    Assert.Equal((0, 0, 0), (residual.RowCount % 16, residual.ColumnCount % 16, residual.SlotCount % 4));
                    Assert.All([residual.ScaleOffset, residual.LeftOffset, residual.RightOffset, residual.OutlierScaleOffset, residual.GapOffset, residual.OutlierCodeOffset], at => Assert.Equal(0, at % 4));
                }
            }
        }
    });

    [Fact]
    public void Table_StagedCopyOfAPayload_DecodesToTheSame() => ForAll(25, codec =>
    {
        var random = new Random(codec.Spec.Length);
        for (int layer = 0; layer < codec.Geometry.LayerCount; layer++)
        {
            PayloadTable table = codec.Table(layer)! with { ChosenOffset = -1 };
            byte[] payload = Payload(codec, layer, random);
            var staged = new StagedPayload(table);
            byte[][] copies = [.. staged.Spans.Select(spans => Copy(spans, payload, staged.SizeBytes))];
            Assert.Equal(TableOracle.Decode(codec.Geometry, table, _ => payload), TableOracle.Decode(codec.Geometry, staged.Table, head => copies[head]));
        }
    });

    [Fact]
    public void Of_AnyCodec_HasTheSharedMemoryThatKernelsLayOut() => ForAll(60, codec =>
    {
        foreach (int group in (int[])[1, 3, 8])
        {
            if (StoredShape.Of(codec, group) is not { } shape)
            {
                Assert.True(codec.IsProjected);
                continue;
            }

            var plain = new StoredHead(shape.HeadSize, shape.HeadSize, [], [], null, null);
            Assert.Equal(0, LaidOut(plain, shape) % CopyBytes);
            Assert.InRange(LaidOut(plain, shape), 1, shape.AttendSharedBytes);
            foreach ((PayloadTable table, StagedPayload staged) in Layers(codec))
            {
                Assert.InRange(staged.SizeBytes, 1, shape.StageBytes);
                for (int head = 0; head < table.Heads.Count; head++)
                {
                    StoredHead stored = table.Heads[head];
                    Assert.InRange(LaidOut(stored, shape), 1, shape.AttendSharedBytes);
                    Assert.InRange(TableBuilder.BytesOf(stored.Keys.Count + stored.Values.Count, staged.Spans[head].Count), 1, shape.TableBytes);
                    Assert.InRange((table.Groups?[head].KvHeads.Count ?? 1) * group, 1, 8 * shape.QueryTileCount);
                    Assert.InRange(stored.ValueChannelCount, 1, 16 * shape.WarpCount * shape.ValueTileCount);
                    Assert.InRange(stored.KeyChannelCount, 1, shape.KeyChannelCount);

                    // A thread has one group of 16 channels of V, also of the 128 of stored_expand.cu.
                    Assert.InRange(stored.ValueChannelCount, 1, 16 * 128);
                }
            }
        }
    });

    [Fact]
    public void TryCreatePlan_AnyCodecOfWholeBlocks_HasPlacesApartInScratch() => ForAll(60, codec =>
    {
        bool isChosen = codec.Spec.Contains("zipcache", StringComparison.Ordinal);
        Assert.Equal(!isChosen, StoredEncodePlan.TryCreate(codec, out StoredEncodePlan? plan, out string? reason));
        Assert.Equal(isChosen, reason is not null);
        for (int layer = 0; layer < (plan is null ? 0 : codec.Geometry.LayerCount); layer++)
        {
            PayloadTable table = codec.Table(layer)!;
            var taken = new List<(int At, int Count)> { (0, 2 * 2 * Tokens * table.Heads.Count) };
            foreach ((StoredHead head, EncodePlace place) in table.Heads.Zip(plan!.Layer(layer).Places))
            {
                taken.AddRange(
                    (place.KeyLatent, Tokens * head.KeyChannelCount), (place.ValueLatent, Tokens * head.ValueChannelCount),
                    (place.KeyOutliers, 3 * (head.KeyResidual?.OutlierCount ?? 0)), (place.ValueOutliers, 3 * (head.ValueResidual?.OutlierCount ?? 0)),
                    (place.KeyChannels, head.KeyChannelCount), (place.ValueChannels, head.ValueChannelCount));
            }

            int end = 0;
            foreach ((int at, int count) in taken.Where(range => range.At >= 0).Order())
            {
                Assert.True(at >= end && at % 4 == 0, $"{codec.Spec}: {at} after {end}");
                end = at + count;
            }

            Assert.InRange(end, 1, plan!.ScratchFloats);
            Assert.Equal(0, plan.ScratchFloats % 4);
        }
    });

    private static void ForAll(int count, Action<KvCodec> property) => Prop.ForAll(
        Gen.Elements(Specs).SelectMany(_ => Gen.Choose(0, int.MaxValue - 1), (spec, seed) => (Spec: spec, Seed: seed)).ToArbitrary(),
        drawn => property(StoredEncoderCase.CodecOf(drawn.Spec, new Random(drawn.Seed)))).Check(Config.QuickThrowOnFailure.WithMaxTest(count));

    private static IEnumerable<(PayloadTable Table, StagedPayload Staged)> Layers(KvCodec codec) =>
        Enumerable.Range(0, codec.Geometry.LayerCount).Select(layer => (codec.Table(layer)!, new StagedPayload(codec.Table(layer)!)));

    private static IEnumerable<StoredResidual> Residuals(StoredHead head) => new[] { head.KeyResidual, head.ValueResidual }.OfType<StoredResidual>();

    /// <summary>All that kernels read of a head.</summary>
    private static IEnumerable<(int At, int Bytes)> Ranges(StoredHead head)
    {
        foreach (CodeRun run in head.Keys.Concat(head.Values))
        {
            int count = run.Parameters switch { CodeParameters.Token => run.TokenCount, CodeParameters.Channel => run.ChannelCount, _ => 0 };
            yield return (run.Offset, run.BitCount * run.ChannelCount * run.TokenCount / 8);
            yield return (run.ScaleOffset, sizeof(ushort) * count);
            yield return (run.ZeroOffset, sizeof(ushort) * count);
            yield return (run.StepOffset, run.StepOffset < 0 ? 0 : (run.FirstChannel + run.ChannelCount) / 2);
            yield return (run.GreatestOffset, run.GreatestOffset < 0 ? 0 : 1);
        }

        foreach (StoredResidual residual in Residuals(head))
        {
            yield return (residual.ScaleOffset, sizeof(float) * residual.Rank);
            yield return (residual.LeftOffset, residual.Rank * residual.RowCount / 2);
            yield return (residual.RightOffset, residual.Rank * residual.ColumnCount / 2);
            yield return (residual.OutlierScaleOffset, residual.SlotCount == 0 ? 0 : sizeof(float));
            yield return (residual.GapOffset, residual.SlotCount);
            yield return (residual.OutlierCodeOffset, residual.SlotCount);
        }
    }

    /// <summary>Where a head's shared memory ends: struct Run of stored_products.cuh, then the residuals' factors and sums of stored_residue.cuh.</summary>
    private static int LaidOut(StoredHead head, StoredShape shape)
    {
        int keys = head.KeyChannelCount, values = head.ValueChannelCount, queries = 8 * shape.QueryTileCount;
        int query = shape.TableBytes + (2 * Math.Max(keys * 72, 64 * (values + 8)));
        int weights = query + (2 * queries * (keys + 8));
        int scores = weights + (2 * queries * 72);
        int scale = scores + (4 * (shape.WarpCount / 4) * queries * 68);
        int staged = scale + (8 * queries) + (3 * 4 * queries);
        Assert.Equal((0, 0, 0), (query % CopyBytes, scores % CopyBytes, staged % CopyBytes));
        int end = staged + (shape.StageCount * shape.StageBytes);
        foreach (StoredResidual? residual in new[] { head.KeyResidual, head.ValueResidual })
        {
            end += (2 * (residual is null ? 0 : residual.Rank * (residual.RowCount + residual.ColumnCount))) + (4 * 32);
        }

        return end;
    }

    private static byte[] Payload(KvCodec codec, int layer, Random random)
    {
        Half[] open = [.. Enumerable.Range(0, codec.Geometry.OpenLayerLength).Select(_ => (Half)((2 * random.NextSingle()) - 1))];
        float[] saliency = [.. Enumerable.Range(0, Tokens).Select(_ => random.NextSingle())];
        byte[] payload = new byte[codec.MaxPayloadSizeBytes(layer)];
        return payload[..codec.Encode(layer, open, saliency, payload)];
    }

    private static byte[] Copy(IEnumerable<StagedSpan> spans, byte[] payload, int size)
    {
        byte[] copy = new byte[size];
        foreach (StagedSpan span in spans)
        {
            payload.AsSpan(span.From, Math.Min(span.SizeBytes, payload.Length - span.From)).CopyTo(copy.AsSpan(span.To));
        }

        return copy;
    }
}
