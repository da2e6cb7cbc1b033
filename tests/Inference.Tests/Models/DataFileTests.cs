using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Models;

public sealed class DataFileTests : IDisposable
{
    private static readonly string[] Lines = ["""{"text":"one"}""", "", """{"text":"zwölf"}"""];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("plain.jsonl")]
    [InlineData("packed.jsonl.gz")]
    public void ReadLines_PackedOrNot_AreTheSame(string name) => Assert.Equal(Lines, DataFile.ReadLines(Write(name)));

    [Fact]
    public void ReadLines_PackedUnderAnotherName_GoesByTheBytes()
    {
        string path = Path.Combine(_folder.Path, "x.jsonl");
        File.Move(Write("x.jsonl.gz"), path);

        Assert.Equal(Lines, DataFile.ReadLines(path));
        Assert.Equal(["one", "zwölf"], CalibrationText.ReadTexts(path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void ReadLines_FileOfFewBytes_IsNotPacked(int length)
    {
        string path = _folder.Write("short", "\u001f"u8[..length]);

        Assert.Equal(length == 0 ? [] : ["\u001f"], DataFile.ReadLines(path));
    }

    [Fact]
    public void ReadTexts_DamagedOrCutPacked_NamesTheFile()
    {
        string path = Write("d.jsonl.gz");
        byte[] whole = File.ReadAllBytes(path);
        byte[] damaged = [.. whole];
        damaged[whole.Length - 6] ^= 1;
        foreach (byte[] bytes in (byte[][])[damaged, whole[..^12], whole[..12]])
        {
            File.WriteAllBytes(path, bytes);
            Assert.Contains("d.jsonl.gz", Assert.Throws<ModelLoadException>(() => CalibrationText.ReadTexts(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Locate_OnlyPackedThere_IsFound()
    {
        string packed = Write("y.jsonl.gz");
        string plain = Path.Combine(_folder.Path, "y.jsonl");

        Assert.Equal(packed, DataFile.Locate(plain));
        Assert.Equal(Write("y.jsonl"), DataFile.Locate(plain));
        Assert.Equal("nowhere.jsonl", DataFile.Locate("nowhere.jsonl"));
    }

    private string Write(string name)
    {
        string path = Path.Combine(_folder.Path, name);
        using var writer = new StreamWriter(DataFile.Create(path, name));
        writer.Write(string.Join('\n', Lines));
        return path;
    }
}
