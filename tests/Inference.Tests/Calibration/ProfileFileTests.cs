using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Calibration;

public sealed class ProfileFileTests : IDisposable
{
    private static readonly KvGeometry Geometry = new(2, 3, 32);
    private readonly TemporaryFolder _folder = new();

    private string File => System.IO.Path.Combine(_folder.Path, "p.safetensors");

    private string PackedFile => File + ".gz";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_OfWhatWasSaved_IsTheSameProfile()
    {
        StoredProfile profile = Make();
        ProfileFile.Save(File, profile, new Dictionary<string, string> { ["measured"] = "a note" });

        StoredProfile loaded = ProfileFile.Load(File);

        Assert.Equal((profile.Spec, profile.ModelFingerprint, Geometry), (loaded.Spec, loaded.ModelFingerprint, loaded.Geometry));
        Assert.Equal(profile.ToProfile().Fingerprint, loaded.ToProfile().Fingerprint);
        Assert.Equal(profile.ToProfile().Layers[1].Groups[0].KeyMap, loaded.ToProfile().Layers[1].Groups[0].KeyMap);
        Assert.Equal(profile.ToProfile().Layers[1].Groups[1].OutputMap, loaded.ToProfile().Layers[1].Groups[1].OutputMap);
        Assert.Equal([3, 1], loaded.Layers[0][0].Key.Bits);
        Assert.Equal(profile.Layers[1][1].Value.Reflections!.Codes, loaded.Layers[1][1].Value.Reflections!.Codes);
    }

    [Theory]
    [InlineData("kvheads(keep=0.5)")]
    [InlineData("zack(accuracy=0.99)")]
    [InlineData("pca(heads=2)+waterfill(keys=1.6,values=0.9)")]
    public void Load_ShippedProfile_IsWhatCalibrationStoresAndTheDemoModelFinds(string spec)
    {
        using ModelFolder model = ModelFolder.Open(RepositoryRoot.DemoModel);
        var folder = new ProfileFolder(RepositoryRoot.DemoModel, model.Fingerprint, ModelKvGeometry.Of(model.Config));
        string shipped = Directory.EnumerateFiles(System.IO.Path.Combine(RepositoryRoot.DemoModel, "..", "profiles"))
            .Single(path => ProfileFile.ReadIdentity(path)!.Value.Spec == spec);
        StoredProfile profile = ProfileFile.Load(shipped);

        Assert.Equal(profile.ToProfile().Fingerprint, folder.Find(spec)?.Fingerprint);
        foreach (SideBasis side in profile.Layers.SelectMany(layer => layer).SelectMany(group => (SideBasis[])[group.Key, group.Value]))
        {
            Assert.Equal(side.Map, side.Reflections?.Map());
        }

        ProfileFile.Save(File, profile, new Dictionary<string, string>());
        Assert.Equal(profile.ToProfile().Fingerprint, ProfileFile.Load(File).ToProfile().Fingerprint);
    }

    [Fact]
    public void Load_MapsOfCodesAndUnits_AreReadAsTheyWereWrittenBefore()
    {
        var writer = new KvCluster.Inference.Models.SafetensorsWriter();
        foreach ((string name, string value) in (IEnumerable<(string, string)>)
            [("format", "kvcluster-profile/1"), ("spec", "pca(heads=1)"), ("model", "2a"), ("geometry", "1 1 32")])
        {
            writer.AddMetadata(name, value);
        }

        byte[] codes = [.. Enumerable.Range(0, 32 * 16).Select(i => (byte)(i - 200))];
        writer.Add("layers.0.groups.0.heads", "F32", new byte[sizeof(float)], 1);
        foreach (string side in (string[])["key", "value"])
        {
            writer.Add($"layers.0.groups.0.{side}.map", "I8", codes, 32, 16);
            writer.Add($"layers.0.groups.0.{side}.map.units", "F32", System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>([.. Enumerable.Repeat(0.25f, 15), 0.5f]), 16);
        }

        writer.Save(File);

        Half[] map = ProfileFile.Load(File).Layers[0][0].Key.Map;

        Assert.Equal(codes.Select((code, i) => (Half)((sbyte)code * (i % 16 == 15 ? 0.5f : 0.25f))), map);
    }

    [Fact]
    public void Load_Packed_IsTheSameProfileInFewerBytes()
    {
        StoredProfile profile = Make();
        ProfileFile.Save(File, profile, new Dictionary<string, string>());
        ProfileFile.Save(PackedFile, profile, new Dictionary<string, string>());

        Assert.Equal(profile.ToProfile().Fingerprint, ProfileFile.Load(PackedFile).ToProfile().Fingerprint);
        Assert.Equal((profile.Spec, profile.ModelFingerprint), ProfileFile.ReadIdentity(PackedFile));
        Assert.InRange(new System.IO.FileInfo(PackedFile).Length, 1, new System.IO.FileInfo(File).Length - 1);
        System.IO.File.Move(PackedFile, File, overwrite: true);
        Assert.Equal(profile.ToProfile().Fingerprint, ProfileFile.Load(File).ToProfile().Fingerprint);
    }

    [Theory]
    [InlineData("p.safetensors")]
    [InlineData("p.safetensors.gz")]
    public void Load_TruncatedFile_IsNamed(string name)
    {
        string path = System.IO.Path.Combine(_folder.Path, name);
        ProfileFile.Save(path, Make(), new Dictionary<string, string>());
        byte[] bytes = System.IO.File.ReadAllBytes(path);
        foreach (int length in (int[])[0, 7, 100, bytes.Length / 2, bytes.Length - 1])
        {
            System.IO.File.WriteAllBytes(path, bytes[..length]);
            Assert.Contains(name, Assert.Throws<ModelLoadException>(() => ProfileFile.Load(path)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("rank above the channels", "rank", 48)]
    [InlineData("a rank that is no multiple of 16", "rank", 24)]
    [InlineData("bits over 8", "bits", 9)]
    [InlineData("a step of zero", "steps", 0)]
    [InlineData("a map that is not finite", "map", 0)]
    [InlineData("reflections of other channels", "reflections", 48)]
    [InlineData("a mean of another length", "mean", 5)]
    [InlineData("a head twice", "heads", 0)]
    [InlineData("a head that is not there", "heads", 3)]
    public void Load_WrongTensor_IsRefusedByName(string because, string tensor, int value)
    {
        ProfileFile.Save(File, Make(tensor, value), new Dictionary<string, string>());

        string message = Assert.Throws<ModelLoadException>(() => ProfileFile.Load(File)).Message;

        Assert.True(message.Contains("layers.1.groups.", StringComparison.Ordinal), $"{because}: {message}");
    }

    [Fact]
    public void Load_AnyDamagedByte_IsRefusedOrBuildsACodec()
    {
        ProfileFile.Save(File, Make(), new Dictionary<string, string>());
        byte[] whole = System.IO.File.ReadAllBytes(File);
        Prop.ForAll(Gen.Choose(0, whole.Length - 1).ToArbitrary(), Gen.Choose(1, 255).ToArbitrary(), (at, change) =>
        {
            byte[] damaged = [.. whole];
            damaged[at % 2 == 0 ? at : at % 6000] ^= (byte)change;
            System.IO.File.WriteAllBytes(File, damaged);
            StoredProfile profile;
            try
            {
                profile = ProfileFile.Load(File);
            }
            catch (ModelLoadException)
            {
                return;
            }

            if (profile.Geometry == Geometry)
            {
                Assert.NotNull(CodecRegistry.Create("zack(energy=0.98)", Geometry, new SingleProfile(profile.ToProfile() with { Spec = "zack(energy=0.98)" })));
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Find_InAndBesideTheModelFolder_GoesByWhatFilesSay()
    {
        string model = Directory.CreateDirectory(System.IO.Path.Combine(_folder.Path, "model")).FullName;
        string beside = Directory.CreateDirectory(System.IO.Path.Combine(_folder.Path, "profiles")).FullName;
        string inside = Directory.CreateDirectory(System.IO.Path.Combine(model, "profiles")).FullName;
        ProfileFile.Save(System.IO.Path.Combine(beside, "x.safetensors.gz"), Make(), new Dictionary<string, string>());
        ProfileFile.Save(System.IO.Path.Combine(inside, "y.safetensors"), Make() with { Spec = "kvheads(keep=0.5)" }, new Dictionary<string, string>());
        System.IO.File.WriteAllBytes(System.IO.Path.Combine(inside, "weights.safetensors"), Models.SafetensorsWriter.WriteValid());
        var folder = new ProfileFolder(model, 42, Geometry);

        Assert.Equal("zack(energy=0.98)", folder.Find("zack(energy=0.980)")?.Spec);
        Assert.Equal("kvheads(keep=0.5)", folder.Find("kvheads")?.Spec);
        Assert.Null(folder.Find("zack(energy=0.97)"));
        Assert.Contains("another model", Assert.Throws<ModelLoadException>(() => new ProfileFolder(model, 43, Geometry).Find("kvheads")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_MeanOfHeads_NeedsNoFile()
    {
        var geometry = new KvGeometry(2, 4, 32);

        Profile? profile = new ProfileFolder(_folder.Path, 42, geometry).Find("kvheads(by=mean,keep=0.25)");

        Assert.Equal([4, 4], profile?.Layers.Select(layer => layer.Groups.Single().KvHeads.Count));
    }

    /// <summary>Two heads with steps and bits, and one plain; in layer 1 perhaps with something wrong.</summary>
    private static StoredProfile Make(string wrong = "", int value = 0)
    {
        var random = new Random(1);
        Half[] Map(int length) => [.. Enumerable.Range(0, length).Select(_ => (Half)(random.NextSingle() - 0.5f))];
        SideBasis Reflected(int channels)
        {
            var codes = new sbyte[Enumerable.Range(0, 16).Sum(i => channels - 1 - i)];
            random.NextBytes((byte[])(object)codes);
            var reflections = Reflections.Of(channels, 16, codes);
            return new SideBasis { Rank = 16, Map = reflections.Map(), Reflections = reflections };
        }

        IReadOnlyList<GroupBasis> Layer(string broken) =>
        [
            new GroupBasis(
                [0, 2],
                new SideBasis
                {
                    Rank = 32,
                    Map = Map(64 * 32),
                    Steps = [.. Enumerable.Repeat(0.25f, 31), broken == "steps" ? value : 2],
                    Mean = [.. Enumerable.Repeat(0.5f, broken == "mean" ? value : 64)],
                    Bits = [broken == "bits" ? (byte)value : (byte)3, 1],
                },
                new SideBasis { Rank = 16, Map = Map(64 * 16), Inverse = Map(64 * 16) }),
            new GroupBasis(
                [broken == "heads" ? value : 1],
                new SideBasis { Rank = broken == "rank" ? value : 32, Map = Map(32 * (broken == "rank" ? value : 32)) },
                broken == "map" ? new SideBasis { Rank = 16, Map = [Half.NaN, .. Map((32 * 16) - 1)] } : Reflected(broken == "reflections" ? value : 32)),
        ];
        return new StoredProfile("zack(energy=0.98)", 42, Geometry, [Layer(""), Layer(wrong)]);
    }
}
