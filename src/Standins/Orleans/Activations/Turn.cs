namespace Orleans.Activations;

/// <summary>Work of an activation that the runtime itself starts. Must not throw.</summary>
internal abstract class Turn
{
    public abstract void Run();
}
