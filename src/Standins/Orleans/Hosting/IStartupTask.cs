namespace Orleans.Runtime;

/// <summary>Work done when the silo has started, before the host goes on; when it throws, the host does not start.</summary>
public interface IStartupTask
{
    public Task Execute(CancellationToken cancellationToken);
}
