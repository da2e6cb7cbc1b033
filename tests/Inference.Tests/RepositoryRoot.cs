namespace KvCluster.Inference.Tests;

/// <summary>Finds files of the repository from wherever the tests run.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    public static string DemoModel { get; } = System.IO.Path.Combine(Path, "models", "demo", "model");

    public static string DemoGolden { get; } = System.IO.Path.Combine(Path, "models", "demo", "golden.json");

    public static string TestData(string name) =>
        System.IO.Path.Combine(Path, "tests", "Inference.Tests", "Tokenizers", "Data", name);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "KvCluster.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No KvCluster.sln above {AppContext.BaseDirectory}.");
    }
}
