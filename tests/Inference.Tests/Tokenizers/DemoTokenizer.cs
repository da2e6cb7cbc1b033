using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

internal static class DemoTokenizer
{
    public static Tokenizer Instance { get; } = Tokenizer.Load(Path.Combine(RepositoryRoot.DemoModel, "tokenizer.json"));
}
