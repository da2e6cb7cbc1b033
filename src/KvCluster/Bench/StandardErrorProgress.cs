namespace KvCluster.CommandLine.Bench;

/// <summary>Says on stderr what is being measured, at once and in order.</summary>
internal sealed class StandardErrorProgress : IProgress<string>
{
    public void Report(string value) => Console.Error.WriteLine($"measuring {value}");
}
