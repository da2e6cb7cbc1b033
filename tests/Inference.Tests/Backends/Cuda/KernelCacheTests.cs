using KvCluster.Inference.Backends.Cuda.Compilation;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class KernelCacheTests
{
    [Fact]
    public void Read_AnyKernel_FindsTheHeadersThatItIncludes()
    {
        foreach (string file in (string[])["decode_attention.cu", "combine_attention.cu", "simple_attention.cu"])
        {
            Assert.All(Includes(KernelSource.Read(file)), name => Assert.Contains(name, KernelSource.Headers.Keys));
        }

        Assert.All(KernelSource.Headers.Values.SelectMany(Includes), name => Assert.Contains(name, KernelSource.Headers.Keys));
        Assert.Throws<ArgumentException>(() => KernelSource.Read("missing.cu"));
    }

    [Fact]
    public void Key_AnyPartDiffers_Differs()
    {
        var headers = new Dictionary<string, string> { ["a.cuh"] = "x" };
        string[] keys =
        [
            KernelCache.Key("nvrtc 13.0", ["-DA=1"], "source", headers),
            KernelCache.Key("nvrtc 12.9", ["-DA=1"], "source", headers),
            KernelCache.Key("nvrtc 13.0", ["-DA=2"], "source", headers),
            KernelCache.Key("nvrtc 13.0", ["-DA=", "1"], "source", headers),
            KernelCache.Key("nvrtc 13.0", ["-DA=1"], "source ", headers),
            KernelCache.Key("nvrtc 13.0", ["-DA=1"], "source", new Dictionary<string, string> { ["a.cuh"] = "y" }),
            KernelCache.Key("nvrtc 13.0", ["-DA=1"], "source", new Dictionary<string, string> { ["b.cuh"] = "x" }),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], KernelCache.Key("nvrtc 13.0", ["-DA=1"], "source", headers));
    }

    [Fact]
    public void Store_ThenFind_GivesTheBytes()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(Path.Combine(folder.Path, "made", "when", "needed"));

        Assert.Null(cache.Find("k"));
        Assert.True(cache.Store("k", [1, 2, 3]));
        Assert.True(cache.Store("k", [4, 5]));
        Assert.Equal([4, 5], cache.Find("k"));
    }

    [Fact]
    public void Store_FolderThatCannotBeMade_OnlyFindsNothing()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, string.Empty);
        var cache = new KernelCache(Path.Combine(file, "below"));

        Assert.False(cache.Store("k", [1]));
        Assert.Null(cache.Find("k"));
    }

    private static IEnumerable<string> Includes(string source) =>
        from line in source.Split('\n')
        where line.StartsWith("#include \"", StringComparison.Ordinal)
        select line.Split('"')[1];
}
