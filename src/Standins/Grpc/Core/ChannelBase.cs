namespace Grpc.Core;

public abstract class ChannelBase
{
    private int _shutDown;

    protected ChannelBase(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    public string Target { get; }

    public abstract CallInvoker CreateCallInvoker();

    public Task ShutdownAsync() => Interlocked.Exchange(ref _shutDown, 1) == 0
        ? ShutdownAsyncCore()
        : throw new InvalidOperationException("This channel has been shut down before.");

    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}
