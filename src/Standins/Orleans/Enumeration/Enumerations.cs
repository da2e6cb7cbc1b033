using Orleans.Activations;

namespace Orleans.Enumeration;

/// <summary>The enumerations an activation is in the middle of. Used in its turns alone, but for <see cref="HasAny"/>.</summary>
internal sealed class Enumerations(Activation activation)
{
    private readonly Dictionary<Guid, Entry> _entries = [];
    private volatile bool _hasAny;

    public bool HasAny => _hasAny;

    /// <summary>Answers a poll: at once with what is ready, else when there is something.</summary>
    public async Task<Page<T>> PollAsync<T>(Guid id, EnumerableCall<T>? start, int maxBatchSize)
    {
        Entry<T> entry;
        if (start is not null)
        {
            entry = new Entry<T>(activation, start);
            _entries.Add(id, entry);
            _hasAny = true;
        }
        else if (_entries.TryGetValue(id, out var found))
        {
            entry = (Entry<T>)found;
        }
        else
        {
            return new Page<T>(null, PageEnd.Unknown);
        }

        try
        {
            var page = await entry.PollAsync(maxBatchSize);
            if (page.End is not PageEnd.More)
            {
                await EndAsync(id);
            }

            return page;
        }
        catch
        {
            await EndAsync(id);
            throw;
        }
    }

    /// <summary>Cancels an enumeration and runs its finally blocks; nothing when it is over already.</summary>
    public async Task EndAsync(Guid id)
    {
        if (_entries.Remove(id, out var entry))
        {
            _hasAny = _entries.Count > 0;
            await entry.DisposeAsync();
        }
    }

    /// <summary>Lets waiting polls return empty-handed, so that they do not hold up the end of the activation.</summary>
    public Task ReleaseAsync()
    {
        foreach (var entry in _entries.Values)
        {
            entry.Release();
        }

        return Task.CompletedTask;
    }

    /// <summary>Ends the enumerations whose consumers have not polled for the response timeout.</summary>
    public Task RemoveForgottenAsync() => Task.WhenAll(
        _entries.Where(static pair => pair.Value.IsForgotten).Select(static pair => pair.Key).ToArray().Select(EndAsync));

    public Task DisposeAsync() => Task.WhenAll(_entries.Keys.ToArray().Select(EndAsync));
}
