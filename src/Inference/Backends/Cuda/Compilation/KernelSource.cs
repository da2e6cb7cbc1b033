using System.Reflection;
using System.Text;

namespace KvCluster.Inference.Backends.Cuda.Compilation;

/// <summary>The .cu and .cuh files of Kernels/, which travel inside the assembly.</summary>
internal static class KernelSource
{
    private const string Prefix = "Kernels/";

    private static readonly Lazy<SortedDictionary<string, string>> Files = new(ReadAll);

    /// <summary>Headers by name.</summary>
    public static IReadOnlyDictionary<string, string> Headers { get; } =
        Files.Value.Where(file => file.Key.EndsWith(".cuh", StringComparison.Ordinal)).ToDictionary(file => file.Key, file => file.Value);

    /// <summary>The text of a kernel file, e.g. <c>decode_attention.cu</c>.</summary>
    public static string Read(string name) =>
        Files.Value.TryGetValue(name, out string? text) ? text : throw new ArgumentException($"There is no kernel file '{name}'.", nameof(name));

    private static SortedDictionary<string, string> ReadAll()
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Assembly assembly = typeof(KernelSource).Assembly;
        foreach (string resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using Stream stream = assembly.GetManifestResourceStream(resource)!;
            using var reader = new StreamReader(stream, Encoding.UTF8);
            files.Add(resource[Prefix.Length..], reader.ReadToEnd());
        }

        return files;
    }
}
