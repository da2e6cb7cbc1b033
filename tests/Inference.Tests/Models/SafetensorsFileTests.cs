using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Models;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_ValidFile_GivesTensorsOfEachType()
    {
        using var file = SafetensorsFile.Open(_folder.Write("m.safetensors", SafetensorsWriter.WriteValid()));

        Assert.Equal(["a", "b", "c"], file.TensorNames);
        Assert.Equal([1, 2, 3, 4], Read(file.GetTensor("a")));
        Assert.Equal([1, -2, 0.5f], Read(file.GetTensor("b")));
        Assert.Equal([1.5f], Read(file.GetTensor("c")));
        Assert.Equal([2, 2], file.GetTensor("a").Shape);
        var row = new float[2];
        file.GetTensor("a").ReadRowAsSingle(1, row);
        Assert.Equal([3, 4], row);
    }

    [Fact]
    public void GetTensor_Missing_NamesFileAndTensor()
    {
        using var file = SafetensorsFile.Open(_folder.Write("m.safetensors", SafetensorsWriter.WriteValid()));

        var error = Assert.Throws<ModelLoadException>(() => file.GetTensor("nope"));
        Assert.Contains("m.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Contains("'nope'", error.Message, StringComparison.Ordinal);
        Assert.Contains("[2, 2]", Assert.Throws<ModelLoadException>(() => file.GetTensor("a").Expect(4, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_AfterDispose_Throws()
    {
        var file = SafetensorsFile.Open(_folder.Write("m.safetensors", SafetensorsWriter.WriteValid()));
        var tensor = file.GetTensor("a");
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}""", 16, "does not fill")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 12, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}""", 16, "truncated or corrupt")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 20, "belong to none")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "not made of counts")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "not made of counts")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "does not fill")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,4]}}""", 4, "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "twice")]
    [InlineData("""{"\uD800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "not valid text")]
    [InlineData("[]", 0, "JSON object")]
    [InlineData("{", 0, "not valid JSON")]
    [InlineData("", 0, "not valid JSON")]
    public void Open_BrokenHeader_SaysWhat(string header, int dataByteCount, string expected)
    {
        var path = _folder.Write("m.safetensors", SafetensorsWriter.Write(header, dataByteCount));

        var error = Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("m.safetensors", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void GetTensor_OtherType_IsRefusedByName()
    {
        var path = _folder.Write(
            "m.safetensors", SafetensorsWriter.Write("""{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", 8));
        using var file = SafetensorsFile.Open(path);

        Assert.Contains("I64", Assert.Throws<ModelLoadException>(() => file.GetTensor("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_HugeHeaderLength_IsRefused()
    {
        var bytes = SafetensorsWriter.WriteValid();
        bytes.AsSpan(0, 8).Fill(0xFF);

        var error = Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(_folder.Write("m.safetensors", bytes)));
        Assert.Contains("limit", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        var bytes = SafetensorsWriter.WriteValid();
        for (var length = 0; length < bytes.Length; length++)
        {
            var path = _folder.Write("m.safetensors", bytes.AsSpan(0, length));
            Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(path));
        }
    }

    [Fact]
    public void Open_CorruptBytes_ReadsInsideTheFileOrRefuses()
    {
        var valid = SafetensorsWriter.WriteValid();
        var changes = (from place in Gen.Choose(0, valid.Length - 1) from value in Gen.Choose(0, 255) select (place, value)).NonEmptyListOf();
        Prop.ForAll(Arb.From(changes), list => OpenChanged(valid, list)).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private void OpenChanged(byte[] valid, IEnumerable<(int Place, int Value)> changes)
    {
        byte[] bytes = [.. valid];
        foreach (var (place, value) in changes.Take(5))
        {
            bytes[place] = (byte)value;
        }

        try
        {
            using var file = SafetensorsFile.Open(_folder.Write("m.safetensors", bytes));
            foreach (var name in file.TensorNames)
            {
                Read(file.GetTensor(name));
            }
        }
        catch (ModelLoadException e)
        {
            Assert.Contains("m.safetensors", e.Message, StringComparison.Ordinal);
        }
    }

    private static float[] Read(TensorView tensor)
    {
        var values = new float[tensor.ElementCount];
        tensor.ReadAsSingle(values);
        return values;
    }
}
