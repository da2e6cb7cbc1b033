using System.Diagnostics;
using KvCluster.Cluster.Tests.EndToEnd;
using YamlDotNet.RepresentationModel;

namespace KvCluster.Cluster.Tests.Deployment;

/// <summary>The objects that <c>kubectl kustomize</c> renders of a folder below k8s/.</summary>
internal static class Manifests
{
    public static async Task<IReadOnlyList<YamlMappingNode>> RenderAsync(string folder)
    {
        var start = new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(RepositoryRoot.Path, "k8s", folder)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        Task<string> output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        Assert.True(process.ExitCode == 0, await errors);
        var stream = new YamlStream();
        stream.Load(new StringReader(await output));
        return [.. stream.Documents.Select(document => (YamlMappingNode)document.RootNode)];
    }

    public static string Text(this YamlNode node, params string[] path) => ((YamlScalarNode)node.At(path)!).Value!;

    /// <summary>The node at a path of keys; null when there is none.</summary>
    public static YamlNode? At(this YamlNode node, params string[] path)
    {
        YamlNode? at = node;
        foreach (string key in path)
        {
            at = at is YamlMappingNode mapping && mapping.Children.TryGetValue(key, out YamlNode? child) ? child : null;
        }

        return at;
    }

    public static IEnumerable<YamlNode> Items(this YamlNode node, params string[] path) =>
        node.At(path) is YamlSequenceNode sequence ? sequence.Children : [];
}
