namespace Orleans.Runtime;

/// <summary>Finds the activation whose turn is running on this thread.</summary>
public interface IGrainContextAccessor
{
    public IGrainContext GrainContext { get; }
}
