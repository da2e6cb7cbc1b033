namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The checkout that the tests run in.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    public static string ModelFolder => System.IO.Path.Combine(Path, "models/demo/model");

    public static string EvalFile => System.IO.Path.Combine(Path, "models/demo/eval.jsonl.gz");

    private static string Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "KvCluster.sln")))
            {
                return at.FullName;
            }
        }

        throw new DirectoryNotFoundException("tests run inside a checkout of the repository");
    }
}
