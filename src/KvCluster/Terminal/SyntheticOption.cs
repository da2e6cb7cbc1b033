using System.CommandLine;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--synthetic SHAPE</c>: random weights in place of a model's, for measurements.</summary>
internal static class SyntheticOption
{
    public static Option<string> Create() => new("--synthetic")
    {
        HelpName = "SHAPE",
        Description = "With cuda: random weights of this shape, llama3-8b, in place of the model's",
        DefaultValueFactory = _ => "",
    };

    /// <exception cref="BadArgumentException">Nothing but a GPU makes them.</exception>
    public static string Of(string shape, string backend) => shape.Length == 0 || backend == "cuda"
        ? shape
        : throw new BadArgumentException("--synthetic: random weights are made on a GPU; add --backend cuda");
}
