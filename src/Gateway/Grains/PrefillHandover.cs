namespace KvCluster.Gateway.Grains;

/// <summary>
/// What decode workers must be told of a prefill under way: the first token, then that everything is put or lost. It outlives
/// a decode worker, so that the next one is told the same.
/// </summary>
internal sealed class PrefillHandover
{
    private readonly TaskCompletionSource<int?> _firstToken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Null when prefill failed before its first token.</summary>
    public Task<int?> FirstToken => _firstToken.Task;

    public Task Done => _done.Task;

    public bool HasFirstToken => _firstToken.Task is { IsCompletedSuccessfully: true, Result: not null };

    /// <summary>Whether a decode worker that starts now still gains from it.</summary>
    public bool IsUnderWay => !_done.Task.IsCompleted;

    public void SetFirstToken(int tokenId) => _firstToken.TrySetResult(tokenId);

    /// <summary>Everything is put, or what is not put will not come.</summary>
    public void SetDone()
    {
        _firstToken.TrySetResult(null);
        _done.TrySetResult();
    }
}
