using System.Runtime.InteropServices;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>The pages of one Sequence. Changed between steps, by the thread that uses its cache.</summary>
internal sealed class CudaSequence(BlockPages pages) : ISequenceMirror
{
    private readonly List<int> _sealed = [];
    private bool _isHostNewer = true;
    private bool _isDeviceNewer;

    public BlockPages Pages => pages;

    /// <summary>Pages of the sealed Blocks that are on the device, in order.</summary>
    public ReadOnlySpan<int> Sealed => CollectionsMarshal.AsSpan(_sealed);

    /// <summary>16-bit page of the open Block; -1: none yet.</summary>
    public int Open { get; private set; } = -1;

    /// <summary>Takes a page for the open Block, where there is none, and brings the host's Tail there, where that is newer.</summary>
    /// <param name="cache">Whose pages these are.</param>
    /// <param name="tailTokenCount">Tokens of its Tail that are not of the step at hand.</param>
    /// <param name="isFilled">The step writes all of it.</param>
    /// <returns>False: there is no page left.</returns>
    public bool TryOpen(SequenceCache cache, int tailTokenCount, bool isFilled)
    {
        if (Open < 0)
        {
            if ((Open = pages.Open.Rent()) < 0)
            {
                return false;
            }

            if (!isFilled)
            {
                pages.Clear(Open);
            }
        }

        if (_isHostNewer && tailTokenCount > 0)
        {
            pages.UploadTail(cache, Open);
        }

        _isHostNewer = false;
        return true;
    }

    /// <summary>A step has written to the open Block on the device.</summary>
    public void OnAppended() => _isDeviceNewer = true;

    /// <summary>The open Block goes on in another page, or (-1) in none; who gives back the old one is the caller's.</summary>
    public void Reopen(int page)
    {
        Open = page;
        _isHostNewer = false;
        _isDeviceNewer = page >= 0;
    }

    public void AddSealed(int page) => _sealed.Add(page);

    public void FetchTail(SequenceCache cache)
    {
        if (_isDeviceNewer && Open >= 0)
        {
            pages.FetchTail(cache, Open);
            _isDeviceNewer = false;
        }
    }

    public void OnTailImported()
    {
        _isHostNewer = true;
        _isDeviceNewer = false;
    }

    public void Dispose()
    {
        foreach (int page in _sealed)
        {
            pages.Sealed.Return(page);
        }

        _sealed.Clear();
        if (Open >= 0)
        {
            pages.Open.Return(Open);
            Open = -1;
        }
    }
}
