namespace KvCluster.Inference.Models;

/// <summary>
/// A model folder that cannot be used. The message is one line for the user: which file, what is wrong, what to do.
/// </summary>
public sealed class ModelLoadException : Exception
{
    public ModelLoadException(string message)
        : base(message)
    {
    }

    public ModelLoadException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
