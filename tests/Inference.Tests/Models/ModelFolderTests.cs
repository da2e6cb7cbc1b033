using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Models;

public sealed class ModelFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_Demo_ReadsEverything()
    {
        using var model = ModelFolder.Open(RepositoryRoot.DemoModel);

        Assert.Equal(ModelArchitecture.Llama, model.Config.Architecture);
        Assert.Equal(8, model.Config.LayerCount);
        Assert.Equal(64, model.Config.HeadSize);
        Assert.Equal(8, model.Config.KvHeadCount);
        Assert.Equal(100_000, model.Config.RopeTheta);
        Assert.True(model.Config.TieWordEmbeddings);
        Assert.Equal([2], model.Config.EosTokenIds);
        Assert.Null(model.Config.BosTokenId);
        Assert.Equal(ChatTemplateKind.ChatMl, model.ChatTemplate.Kind);
        Assert.Equal(2, model.Tensors.Files.Count);
        Assert.Equal([4096, 256], model.Tensors.GetTensor("model.embed_tokens.weight").Expect(4096, 256).Shape);
        Assert.Equal(9_572_608, model.Tensors.TensorNames.Sum(name => model.Tensors.GetTensor(name).ElementCount));
        Assert.NotEqual(0ul, model.Fingerprint);
    }

    [Fact]
    public void Fingerprint_CopyAndChangedWeight_IsEqualAndDiffers()
    {
        using var original = ModelFolder.Open(RepositoryRoot.DemoModel);
        CopyDemo();
        using (var copy = ModelFolder.Open(_folder.Path))
        {
            Assert.Equal(original.Fingerprint, copy.Fingerprint);
        }

        var shard = Path.Combine(_folder.Path, "model-00002-of-00002.safetensors");
        var bytes = File.ReadAllBytes(shard);
        bytes[^1] ^= 1;
        File.WriteAllBytes(shard, bytes);
        using var changed = ModelFolder.Open(_folder.Path);
        Assert.NotEqual(original.Fingerprint, changed.Fingerprint);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("model-00002-of-00002.safetensors")]
    public void Open_MissingFile_NamesIt(string name)
    {
        CopyDemo();
        File.Delete(Path.Combine(_folder.Path, name));

        AssertFails(name);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("generation_config.json")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("model-00001-of-00002.safetensors")]
    public void Open_TruncatedFile_NamesIt(string name)
    {
        CopyDemo();
        var path = Path.Combine(_folder.Path, name);
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);

        AssertFails(name);
    }

    [Fact]
    public void Open_UnknownFolder_SaysSo() =>
        Assert.Contains(
            "no such model folder",
            Assert.Throws<ModelLoadException>(() => ModelFolder.Open(Path.Combine(_folder.Path, "nowhere"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Open_IndexLeadingOutOfTheFolder_IsRefused()
    {
        CopyDemo();
        _folder.Write("model.safetensors.index.json", """{"weight_map":{"a":"../a.safetensors"}}""");

        AssertFails("model.safetensors.index.json");
    }

    [Fact]
    public void Open_IndexWithTensorOfNoShard_NamesTheTensor()
    {
        CopyDemo();
        _folder.Write("model.safetensors.index.json", """{"weight_map":{"lost.weight":"model-00001-of-00002.safetensors"}}""");

        AssertFails("lost.weight");
    }

    private void CopyDemo()
    {
        foreach (var file in Directory.EnumerateFiles(RepositoryRoot.DemoModel))
        {
            File.Copy(file, Path.Combine(_folder.Path, Path.GetFileName(file)), overwrite: true);
        }
    }

    private void AssertFails(string expected)
    {
        var error = Assert.Throws<ModelLoadException>(() => ModelFolder.Open(_folder.Path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
