namespace Orleans.Activations;

internal enum SiloState
{
    Created,
    Running,

    /// <summary>Existing activations serve on until they have ended.</summary>
    Stopping,
    Stopped,
}
