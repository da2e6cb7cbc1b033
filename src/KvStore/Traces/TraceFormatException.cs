namespace KvCluster.KvStore.Traces;

/// <summary>A trace can't be read; the message names the line and says why.</summary>
public sealed class TraceFormatException(string message) : IOException(message);
