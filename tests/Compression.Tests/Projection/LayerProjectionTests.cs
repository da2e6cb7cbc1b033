using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Projection;

namespace KvCluster.Compression.Tests.Projection;

/// <summary>The run-time maps against <see cref="ProjectionOracle"/>: means, uneven ranks, groups of several heads.</summary>
public sealed unsafe class LayerProjectionTests
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private static readonly KvGeometry Geometry = new(1, 5, 48);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Project_AnyGroups_EqualsTheOracle(int seed)
    {
        (LayerProjection projection, LayerProfile profile, float[] open) = Make(seed);
        float[] latent = new float[projection.Shape.Length];

        fixed (float* source = open, destination = latent)
        {
            projection.Project(source, destination);
        }

        for (int g = 0; g < profile.Groups.Count; g++)
        {
            var oracle = new ProjectionOracle(Geometry, profile.Groups[g]);
            for (int token = 0; token < Tokens; token += 7)
            {
                for (int channel = 0; channel < profile.Groups[g].KeyRank; channel++)
                {
                    Assert.Equal(oracle.KeyLatent(open, token, channel), latent[projection.Shape.KeyOffset(g) + (channel * Tokens) + token], 1e-4);
                }

                for (int channel = 0; channel < profile.Groups[g].ValueRank; channel++)
                {
                    int at = projection.Shape.ValueOffset(g) + (token * profile.Groups[g].ValueRank) + channel;
                    Assert.Equal(oracle.ValueLatent(open, token, channel), latent[at], 1e-4);
                }
            }
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void Restore_AnyGroups_EqualsTheOracle(int seed)
    {
        (LayerProjection projection, LayerProfile profile, _) = Make(seed);
        float[] latent = Random(projection.Shape.Length, seed);
        float[] open = new float[Geometry.OpenLayerLength];

        fixed (float* source = latent, destination = open)
        {
            projection.Restore(source, destination);
        }

        for (int g = 0; g < profile.Groups.Count; g++)
        {
            HeadGroup group = profile.Groups[g];
            var oracle = new ProjectionOracle(Geometry, group);
            for (int token = 0; token < Tokens; token += 9)
            {
                double[] key = [.. Enumerable.Range(0, group.KeyRank).Select(c => (double)latent[projection.Shape.KeyOffset(g) + (c * Tokens) + token])];
                double[] value = [.. Enumerable.Range(0, group.ValueRank).Select(c => (double)latent[projection.Shape.ValueOffset(g) + (token * group.ValueRank) + c])];
                for (int row = 0; row < group.KvHeads.Count * Geometry.HeadSize; row++)
                {
                    (int member, int channel) = Math.DivRem(row, Geometry.HeadSize);
                    int start = 2 * Tokens * Geometry.HeadSize * group.KvHeads[member];
                    Assert.Equal(oracle.Key(key, member, channel), open[start + (channel * Tokens) + token], 1e-4);
                    Assert.Equal(oracle.Value(value, member, channel), open[start + (Tokens * Geometry.HeadSize) + (token * Geometry.HeadSize) + channel], 1e-4);
                }
            }
        }
    }

    [Theory]
    [InlineData(7, 1)]
    [InlineData(8, 3)]
    [InlineData(9, 64)]
    public void Attention_OnProjectedBlocks_EqualsAttentionOnWhatTheyDecodeTo(int seed, int queryCount)
    {
        StoredProfile stored = ProjectionProfiles.Random(Geometry, seed);
        KvCodec codec = CodecRegistry.Create("zack(energy=0.98)", Geometry, new Source(stored.ToProfile()));
        byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
        codec.Encode(0, [.. Random(Geometry.OpenLayerLength, seed).Select(value => (Half)value)], default, payload);
        float[] decoded = new float[Geometry.OpenLayerLength];
        codec.Decode(0, payload, decoded);
        for (int head = 0; head < Geometry.KvHeadCount; head++)
        {
            float[] queries = Random(queryCount * Geometry.HeadSize, seed + head);
            float[] weights = [.. Random(queryCount * Tokens, seed - head).Select(MathF.Abs)];
            float[] projected = new float[queryCount * codec.QueryWidth(0, head)];
            float[] scores = new float[queryCount * Tokens];
            float[] gathered = new float[queryCount * codec.OutputWidth(0, head)];
            float[] output = new float[queryCount * Geometry.HeadSize];

            codec.ProjectQueries(0, head, queries, queryCount, projected);
            codec.Scores(0, head, payload, projected, queryCount, scores);
            codec.AddValues(0, head, payload, weights, queryCount, gathered);
            codec.ExpandOutput(0, head, gathered, queryCount, output);

            int start = 2 * Tokens * Geometry.HeadSize * head;
            for (int i = 0; i < queryCount; i++)
            {
                for (int token = 0; token < Tokens; token++)
                {
                    double score = Enumerable.Range(0, Geometry.HeadSize).Sum(d => (double)queries[(i * Geometry.HeadSize) + d] * decoded[start + (d * Tokens) + token]);
                    Assert.Equal(score, scores[(i * Tokens) + token], 2e-3);
                }

                for (int d = 0; d < Geometry.HeadSize; d++)
                {
                    double sum = Enumerable.Range(0, Tokens).Sum(token => (double)weights[(i * Tokens) + token] * decoded[start + (Tokens * Geometry.HeadSize) + (token * Geometry.HeadSize) + d]);
                    Assert.Equal(sum, output[(i * Geometry.HeadSize) + d], 2e-3);
                }
            }
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public void Attention_ManyQueries_GivesTheBitsOfOneByOne(int seed)
    {
        const int QueryCount = 13;
        KvCodec codec = CodecRegistry.Create("zack(energy=0.98)", Geometry, new Source(ProjectionProfiles.Random(Geometry, seed).ToProfile()));
        int width = codec.QueryWidth(0, 1);
        int outputWidth = codec.OutputWidth(0, 1);
        float[] queries = Random(QueryCount * Geometry.HeadSize, seed);
        float[] gathered = Random(QueryCount * outputWidth, seed + 1);
        float[] together = new float[QueryCount * width];
        float[] outputs = new float[QueryCount * Geometry.HeadSize];
        codec.ProjectQueries(0, 1, queries, QueryCount, together);
        codec.ExpandOutput(0, 1, gathered, QueryCount, outputs);

        for (int i = 0; i < QueryCount; i++)
        {
            float[] alone = new float[width];
            float[] output = new float[Geometry.HeadSize];
            codec.ProjectQueries(0, 1, queries.AsSpan(i * Geometry.HeadSize, Geometry.HeadSize), 1, alone);
            codec.ExpandOutput(0, 1, gathered.AsSpan(i * outputWidth, outputWidth), 1, output);
            Assert.Equal(together.AsSpan(i * width, width).ToArray(), alone);
            Assert.Equal(outputs.AsSpan(i * Geometry.HeadSize, Geometry.HeadSize).ToArray(), output);
        }
    }

    [Fact]
    public void Create_GroupsThatDoNotHoldEachHeadOnce_IsRefused()
    {
        Profile whole = ProjectionProfiles.Random(Geometry, 12).ToProfile();
        LayerProfile layer = whole.Layers[0];
        LayerProfile[] wrong =
        [
            new([.. layer.Groups.Skip(1)]),
            new([.. layer.Groups, layer.Groups[0]]),
        ];

        Assert.All(wrong, groups => Assert.Throws<ArgumentException>(() => new LayerProjection(Geometry, groups)));
    }

    [Fact]
    public void ToProfile_AnyNumberChanged_HasAnotherFingerprint()
    {
        StoredProfile profile = ProjectionProfiles.Random(Geometry, 13);
        ulong fingerprint = profile.ToProfile().Fingerprint;
        Assert.Equal(fingerprint, ProjectionProfiles.Random(Geometry, 13).ToProfile().Fingerprint);
        Assert.NotEqual(fingerprint, (profile with { ModelFingerprint = 43 }).ToProfile().Fingerprint);
        Assert.NotEqual(fingerprint, (profile with { Spec = "zack(energy=0.97)" }).ToProfile().Fingerprint);

        SideBasis key = profile.Layers[0][0].Key;
        key.Map[^1] = Half.BitIncrement(key.Map[^1]);

        Assert.NotEqual(fingerprint, profile.ToProfile().Fingerprint);
    }

    private static (LayerProjection Projection, LayerProfile Profile, float[] Open) Make(int seed)
    {
        LayerProfile profile = ProjectionProfiles.Random(Geometry, seed).ToProfile().Layers[0];
        return (new LayerProjection(Geometry, profile), profile, Random(Geometry.OpenLayerLength, seed + 100));
    }

    private static float[] Random(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (2 * random.NextSingle()) - 1)];
    }

    private sealed class Source(Profile profile) : IProfileSource
    {
        public Profile? Find(string spec) => profile;
    }
}
