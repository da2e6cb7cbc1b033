using System.Security.Cryptography;
using System.Text;

namespace KvCluster.Inference.Backends.Cuda.Compilation;

/// <summary>Compiled kernels on disk, by a hash of everything that decides their bytes. A folder that can't be written to only costs time.</summary>
/// <param name="folder">Made when it is needed.</param>
internal sealed class KernelCache(string folder)
{
    /// <summary>In the user's data folder.</summary>
    public static KernelCache Default { get; } = new(Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "kvcluster", "kernels"));

    /// <summary>The name of a kernel's file.</summary>
    /// <param name="compiler">And its version.</param>
    /// <param name="options">In their order.</param>
    /// <param name="source">Of the kernel.</param>
    /// <param name="headers">That it may include.</param>
    public static string Key(string compiler, IEnumerable<string> options, string source, IReadOnlyDictionary<string, string> headers)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> parts = [compiler, .. options, source, .. headers.OrderBy(h => h.Key, StringComparer.Ordinal).SelectMany(h => new[] { h.Key, h.Value })];
        foreach (string part in parts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public byte[]? Find(string key)
    {
        try
        {
            return File.ReadAllBytes(PathOf(key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Readers see all of it, or nothing.</summary>
    /// <returns>False when the folder can't be written to.</returns>
    public bool Store(string key, ReadOnlySpan<byte> cubin)
    {
        string temporary = PathOf($"{key}.{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(temporary, cubin);
            File.Move(temporary, PathOf(key), overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string PathOf(string key) => Path.Combine(folder, key + ".cubin");
}
