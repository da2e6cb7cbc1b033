namespace KvCluster.KvStore.Disk.Files;

/// <summary>A data folder can't be used. The message names the file and says what to do.</summary>
internal sealed class DataFolderException(string message, Exception? innerException = null) : Exception(message, innerException);
