namespace KvCluster.CommandLine.Terminal;

/// <summary>An option's value is of the right type and still can't be used. The message names the option.</summary>
internal sealed class BadArgumentException(string message) : Exception(message);
