using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Engine;

/// <summary>
/// Collects the slabs of a Sequence's Blocks and Tail, in any order, until they can be appended to its cache: each as it was
/// expected and of a structure that the codec reads, so nothing bad ever reaches attention. Several sources may fill it at once. Owns the leases it has been given.
/// </summary>
public sealed class BlockIntake : IDisposable, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly KvCodec _codec;
    private readonly ulong _modelFingerprint;
    private readonly int _queryWidth;
    private readonly SequenceBlocks _blocks;
    private readonly IBlockUpload? _upload;
    private readonly KvBlock?[] _received;
    private readonly SlabLease?[] _tail;
    private readonly Dictionary<BlockId, int> _indexes;
    private int _tailLayerCount;
    private int _refusedSlabCount;
    private bool _isClosed;

    /// <param name="codec">Reads the sealed Blocks.</param>
    /// <param name="modelFingerprint">Of the model that made them.</param>
    /// <param name="blocks">What is wanted.</param>
    /// <param name="queryWidth">Channels of all query heads of the model: probes of codecs that want saliency travel with a Tail.</param>
    /// <param name="upload">Brings Blocks to the device as they come; disposed with this.</param>
    public BlockIntake(KvCodec codec, ulong modelFingerprint, SequenceBlocks blocks, int queryWidth, IBlockUpload? upload = null)
    {
        _upload = upload;
        _queryWidth = queryWidth;
        _codec = codec;
        _modelFingerprint = modelFingerprint;
        _blocks = blocks;
        _received = new KvBlock?[blocks.BlockIds.Length];
        _tail = new SlabLease?[codec.Geometry.LayerCount];
        _indexes = new Dictionary<BlockId, int>(blocks.BlockIds.Length);
        for (var i = 0; i < blocks.BlockIds.Length; i++)
        {
            _indexes[blocks.BlockIds[i]] = i;
        }
    }

    /// <summary>Bytes of all slabs accepted, headers included.</summary>
    public long ReceivedBytes { get; private set; }

    public int RefusedSlabCount => Volatile.Read(ref _refusedSlabCount);

    public int LayerCount => _tail.Length;

    public bool IsComplete
    {
        get
        {
            lock (_gate)
            {
                return IsWhole(LeadingBlockCount());
            }
        }
    }

    /// <summary>Tokens whose KV <see cref="MoveToAsync"/> would append.</summary>
    public int LeadingTokenCount
    {
        get
        {
            lock (_gate)
            {
                var leading = LeadingBlockCount();
                return (leading * KvGeometry.BlockTokenCount) + (IsWhole(leading) ? _blocks.TailTokenIds.Length : 0);
            }
        }
    }

    /// <summary>What has not been received whole, in order; the Tail last.</summary>
    public List<BlockId> Missing()
    {
        lock (_gate)
        {
            var missing = Missing(_received.Length);
            if (_blocks.TailId is { } tailId && !HasTail)
            {
                missing.Add(tailId);
            }

            return missing;
        }
    }

    /// <summary>What has not been received whole of the first <paramref name="blockCount"/> Blocks.</summary>
    public List<BlockId> MissingOfPrefix(int blockCount)
    {
        lock (_gate)
        {
            return Missing(blockCount);
        }
    }

    /// <summary>Whether a Block or Tail of this id is wanted here.</summary>
    public bool Wants(BlockId blockId) => blockId == _blocks.TailId || _indexes.ContainsKey(blockId);

    /// <summary>What the slabs of a wanted Block or Tail must say; block and layer are the reader's to add.</summary>
    public SlabExpectation Expectation(BlockId blockId)
    {
        var isTail = blockId == _blocks.TailId;
        var index = isTail ? _blocks.BlockIds.Length : _indexes[blockId];
        return new SlabExpectation
        {
            ModelFingerprint = _modelFingerprint,
            CodecFingerprint = isTail ? RawCodec.TailFingerprint(_codec.Geometry, _codec.Saliency) : _codec.Fingerprint,
            Geometry = _codec.Geometry,
            FirstPosition = index * KvGeometry.BlockTokenCount,
            TokenCount = isTail ? _blocks.TailTokenIds.Length : KvGeometry.BlockTokenCount,
        };
    }

    /// <summary>Keeps a slab that met its <see cref="Expectation"/>; takes the lease in any case. One that is here already is no error.</summary>
    /// <returns>Why the payload was refused after all; the Block should then be dropped where it came from.</returns>
    public SlabError Add(in SlabHeader header, SlabLease slab) => Add(header, slab, out _);

    /// <inheritdoc cref="Add(in SlabHeader, SlabLease)"/>
    /// <param name="header">Of the slab.</param>
    /// <param name="slab">The slab.</param>
    /// <param name="isKept">Whether it is the first of its Block and layer.</param>
    public SlabError Add(in SlabHeader header, SlabLease slab, out bool isKept)
    {
        var isTail = header.BlockId == _blocks.TailId;
        var isWellFormed = IsWellFormed(isTail, header, slab);
        lock (_gate)
        {
            isKept = isWellFormed && !_isClosed && TryKeep(isTail, header, slab);
            if (isKept)
            {
                ReceivedBytes += slab.SizeBytes;
                return SlabError.None;
            }
        }

        slab.Dispose();
        if (!isWellFormed)
        {
            CountRefused();
        }

        return isWellFormed ? SlabError.None : SlabError.MalformedPayload;
    }

    /// <summary>Counts a slab that failed its <see cref="Expectation"/>.</summary>
    public void CountRefused() => Interlocked.Increment(ref _refusedSlabCount);

    /// <summary>Gives the leading Blocks, and the Tail when nothing is missing before it, to an empty cache, once they are on the device. What comes later is dropped.</summary>
    /// <param name="cache">Takes the Blocks over.</param>
    /// <param name="maxTokenCount">Stops before a Block or Tail that would bring the cache over it.</param>
    public async Task MoveToAsync(SequenceCache cache, int maxTokenCount)
    {
        await CloseAsync();
        lock (_gate)
        {
            var leading = LeadingBlockCount();
            var takesTail = IsWhole(leading) && _blocks.TailId is not null && _blocks.TokenCount <= maxTokenCount;
            for (var i = 0; i < leading && (i + 1) * KvGeometry.BlockTokenCount <= maxTokenCount; i++)
            {
                cache.AppendCachedBlock(_received[i]!, _blocks.BlockTokenIds(i));
                _received[i] = null;
            }

            _upload?.MoveTo(cache);
            for (var layer = 0; layer < _tail.Length && takesTail; layer++)
            {
                cache.ImportTail(layer, _tail[layer]!.Span[Slab.HeaderSizeBytes..], _blocks.TailTokenIds);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            for (var i = 0; i < _received.Length; i++)
            {
                _received[i]?.Dispose();
                _received[i] = null;
            }

            for (var layer = 0; layer < _tail.Length; layer++)
            {
                _tail[layer]?.Dispose();
                _tail[layer] = null;
            }

            _tailLayerCount = 0;
        }

        _upload?.Dispose();
    }

    /// <summary>Also waits until what was taken on the device is given back.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        await CloseAsync();
    }

    /// <summary>Drops what comes from now on, and ends when the rest is on the device, where it goes there at all.</summary>
    private Task CloseAsync()
    {
        lock (_gate)
        {
            _isClosed = true;
        }

        return _upload?.IdleAsync() ?? Task.CompletedTask;
    }

    private bool HasTail => _tailLayerCount == _tail.Length;

    private bool IsWhole(int leadingBlockCount) => leadingBlockCount == _received.Length && (_blocks.TailId is null || HasTail);

    /// <summary>Blocks complete from the first on, up to the first gap.</summary>
    private int LeadingBlockCount()
    {
        var count = 0;
        while (count < _received.Length && _received[count] is { IsComplete: true })
        {
            count++;
        }

        return count;
    }

    private List<BlockId> Missing(int blockCount)
    {
        var missing = new List<BlockId>();
        for (var i = 0; i < blockCount; i++)
        {
            if (_received[i] is not { IsComplete: true })
            {
                missing.Add(_blocks.BlockIds[i]);
            }
        }

        return missing;
    }

    /// <summary>False for a slab that is here already.</summary>
    private bool TryKeep(bool isTail, in SlabHeader header, SlabLease slab)
    {
        if (isTail)
        {
            var isNew = _tail[header.Layer] is null;
            _tail[header.Layer] ??= slab;
            _tailLayerCount += isNew ? 1 : 0;
            return isNew;
        }

        var index = _indexes[header.BlockId];
        if (_received[index]?.Slab(header.Layer) is not null)
        {
            return false;
        }

        var block = _received[index] ??= new KvBlock(header.BlockId, header.FirstPosition, _tail.Length);
        block.SetSlab(header.Layer, slab);
        _upload?.Add(index, header.Layer, slab.Share());
        return true;
    }

    private bool IsWellFormed(bool isTail, in SlabHeader header, SlabLease slab) => isTail
        ? header.PayloadSizeBytes == RawCodec.TailPayloadSizeBytes(_codec.Geometry, header.TokenCount)
            + ProbeStore.TailSizeBytes(_codec.Saliency, _queryWidth, header.FirstPosition, header.TokenCount)
        : _codec.IsWellFormed(header.Layer, Slab.Payload(slab.Span, header));
}
