using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;

namespace KvCluster.Inference.Cache;

/// <summary>
/// The KV cache of one Sequence: sealed Blocks in encoded form, then the open Block (the Tail) in 16 bits.
/// </summary>
/// <remarks>
/// Used by one thread at a time. The open Block is rented at the first token that needs it, layer by layer in the order of
/// <see cref="KvCodec"/>'s open layer; columns past the last token are zero at all times, so that attention may read them.
/// </remarks>
public sealed class SequenceCache : IDisposable
{
    private readonly List<KvBlock> _blocks = [];
    private readonly HashSet<int> _importedLayers = [];
    private readonly int[] _tailTokenIds = new int[KvGeometry.BlockTokenCount];
    private readonly int _openLayerSizeBytes;
    private SlabLease? _open;
    private int _firstDeferred = -1;
    private bool _disposed;

    /// <param name="codec">Encodes and reads the sealed Blocks.</param>
    /// <param name="root">Parent of the first Block: <see cref="BlockIdChain.Root"/>.</param>
    /// <param name="modelFingerprint">Written to the headers of slabs.</param>
    /// <param name="writerEpoch">Epoch of this Worker, written to the headers of slabs.</param>
    /// <param name="pool">Where slabs and the open Block are rented.</param>
    /// <param name="queryWidth">Channels of all query heads; needed when the codec wants saliency.</param>
    public SequenceCache(KvCodec codec, BlockId root, ulong modelFingerprint, ulong writerEpoch, SlabPool pool, int queryWidth = 0)
    {
        ArgumentNullException.ThrowIfNull(codec);
        ArgumentNullException.ThrowIfNull(pool);
        if (codec.Saliency is { } saliency)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queryWidth);
            Probes = new ProbeStore(saliency, codec.Geometry.LayerCount, queryWidth);
        }

        Codec = codec;
        Root = root;
        LastBlockId = root;
        ModelFingerprint = modelFingerprint;
        WriterEpoch = writerEpoch;
        Pool = pool;
        _openLayerSizeBytes = codec.Geometry.OpenLayerLength * sizeof(ushort);
    }

    public KvCodec Codec { get; }

    public KvGeometry Geometry => Codec.Geometry;

    public BlockId Root { get; }

    public ulong ModelFingerprint { get; }

    public ulong WriterEpoch { get; }

    public SlabPool Pool { get; }

    /// <summary>Sealed Blocks in order. During a forward pass the newest may still lack layers.</summary>
    public IReadOnlyList<KvBlock> Blocks => _blocks;

    /// <summary>Tokens whose K and V are here, sealed and open.</summary>
    public int TokenCount => SealedTokenCount + TailTokenCount;

    public int SealedTokenCount => _blocks.Count * KvGeometry.BlockTokenCount;

    /// <summary>Tokens of the open Block: 0 to 63.</summary>
    public int TailTokenCount { get; private set; }

    public ReadOnlySpan<int> TailTokenIds => _tailTokenIds.AsSpan(0, TailTokenCount);

    /// <summary>Id of the last sealed Block; <see cref="Root"/> when there is none.</summary>
    public BlockId LastBlockId { get; private set; }

    /// <summary>The id that the Tail travels under; null without a Tail.</summary>
    public BlockId? TailBlockId => TailTokenCount == 0 ? null : BlockIdChain.Next(LastBlockId, TailTokenIds);

    /// <summary>Bytes of all sealed slabs, headers included; the open Block is not counted.</summary>
    public long SealedSizeBytes => _blocks.Sum(block => block.SizeBytes);

    /// <summary>The batch that this Sequence is in, so that it can't be twice in one.</summary>
    internal long BatchStamp { get; set; }

    internal List<KvBlock> BlockList => _blocks;

    /// <summary>Null when the codec needs none.</summary>
    internal ProbeStore? Probes { get; }

    /// <summary>What a device holds of this; null as long as none does.</summary>
    internal ISequenceMirror? Mirror { get; set; }

    /// <summary>Index of the first Block that waits, in 16 bits, for the end of the prompt; as many as there are Blocks when none does.</summary>
    internal int FirstDeferredBlock => _firstDeferred < 0 ? _blocks.Count : _firstDeferred;

    /// <summary>Tokens of a prompt whose Blocks are encoded after it; 0 without one.</summary>
    internal int DeferredTokenCount { get; private set; }

    /// <summary>
    /// Says where the prompt ends, before its first token: a codec of the papers' mode (<see cref="SaliencyRule.AfterPrompt"/>) encodes the prompt's
    /// Blocks after its last token, and they are attended to in 16 bits until then. No effect with other codecs.
    /// </summary>
    public void BeginPrompt(int tokenCount)
    {
        if (Codec.Saliency is { AfterPrompt: true } && tokenCount - SealedTokenCount >= KvGeometry.BlockTokenCount)
        {
            DeferredTokenCount = tokenCount;
            Probes!.BeginPrompt(tokenCount);
        }
    }

    /// <summary>Appends a sealed Block that was fetched instead of computed, and takes its ownership.</summary>
    /// <param name="block">Complete, verified against its expectation, at position <see cref="TokenCount"/>.</param>
    /// <param name="tokenIds">The 64 tokens that it holds.</param>
    /// <exception cref="InvalidOperationException">There is a Tail, or the Block does not follow the last one.</exception>
    public void AppendCachedBlock(KvBlock block, ReadOnlySpan<int> tokenIds)
    {
        ArgumentNullException.ThrowIfNull(block);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokenIds.Length, KvGeometry.BlockTokenCount, nameof(tokenIds));
        if (TailTokenCount != 0)
        {
            throw new InvalidOperationException($"A sealed block can't follow a tail of {TailTokenCount} tokens.");
        }

        if (!block.IsComplete || block.LayerCount != Geometry.LayerCount || block.FirstPosition != TokenCount
            || block.BlockId != BlockIdChain.Next(LastBlockId, tokenIds))
        {
            throw new InvalidOperationException(
                $"Block {block.BlockId} (position {block.FirstPosition}, complete: {block.IsComplete}) does not follow {LastBlockId} at position {TokenCount}.");
        }

        AddSealed(block);
    }

    /// <summary>
    /// Takes over one layer of a Tail from the payload of its verified slab. All calls give the same <paramref name="tokenIds"/>;
    /// the Tail counts (<see cref="TailTokenCount"/>) once every layer is in.
    /// </summary>
    /// <returns><see cref="SlabError.WrongGeometry"/> when the payload does not hold that many tokens; nothing has changed then.</returns>
    /// <exception cref="InvalidOperationException">There is a Tail already.</exception>
    public SlabError ImportTail(int layer, ReadOnlySpan<byte> payload, ReadOnlySpan<int> tokenIds)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tokenIds.Length, nameof(tokenIds));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(tokenIds.Length, KvGeometry.BlockTokenCount, nameof(tokenIds));
        if (TailTokenCount != 0)
        {
            throw new InvalidOperationException($"There is a tail of {TailTokenCount} tokens already.");
        }

        ReserveOpen();
        Mirror?.OnTailImported();
        int probesSizeBytes = ProbeStore.TailSizeBytes(Codec.Saliency, Probes?.QueryWidth ?? 0, SealedTokenCount, tokenIds.Length);
        if (payload.Length < probesSizeBytes
            || !RawCodec.UnpackTail(Geometry, payload[..^probesSizeBytes], tokenIds.Length, OpenLayer(layer)))
        {
            return SlabError.WrongGeometry;
        }

        if (probesSizeBytes > 0)
        {
            payload[^probesSizeBytes..].CopyTo(MemoryMarshal.AsBytes(Probes!.Open(layer)));
        }

        tokenIds.CopyTo(_tailTokenIds);
        _importedLayers.Add(layer);
        if (_importedLayers.Count == Geometry.LayerCount)
        {
            _importedLayers.Clear();
            TailTokenCount = tokenIds.Length;
        }

        return SlabError.None;
    }

    /// <summary>A complete slab of one layer of the Tail, header included; the caller disposes the lease.</summary>
    /// <exception cref="InvalidOperationException">There is no Tail.</exception>
    public SlabLease ExportTail(int layer)
    {
        BlockId blockId = TailBlockId ?? throw new InvalidOperationException("There is no tail to export.");
        int probesSizeBytes = ProbeStore.TailSizeBytes(Codec.Saliency, Probes?.QueryWidth ?? 0, SealedTokenCount, TailTokenCount);
        int payloadSizeBytes = RawCodec.TailPayloadSizeBytes(Geometry, TailTokenCount) + probesSizeBytes;
        Mirror?.FetchTail(this);
        SlabLease lease = Pool.Rent(Slab.HeaderSizeBytes + payloadSizeBytes);
        RawCodec.PackTail(Geometry, OpenLayer(layer), TailTokenCount, lease.Span[Slab.HeaderSizeBytes..]);
        if (probesSizeBytes > 0)
        {
            MemoryMarshal.AsBytes(Probes!.Open(layer))[..probesSizeBytes].CopyTo(lease.Span[^probesSizeBytes..]);
        }

        ulong fingerprint = RawCodec.TailFingerprint(Geometry, Codec.Saliency);
        SlabHeader header = Header(blockId, layer, SealedTokenCount, TailTokenCount, fingerprint, payloadSizeBytes);
        Slab.Write(lease.Span, header);
        return lease;
    }

    /// <summary>
    /// Forgets the tokens from position <paramref name="tokenCount"/> on: inside the Tail, or whole Blocks. A sealed Block can't be cut.
    /// </summary>
    public void TruncateTo(int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenCount, TokenCount);
        if (tokenCount < SealedTokenCount)
        {
            throw new InvalidOperationException($"Position {tokenCount} lies inside a sealed block; only the tail can be cut.");
        }

        int tailTokenCount = tokenCount - SealedTokenCount;
        for (int layer = 0; layer < Geometry.LayerCount && tailTokenCount < TailTokenCount && _open is not null; layer++)
        {
            OpenLayers.ClearColumns(OpenLayer(layer), Geometry, tailTokenCount);
        }

        TailTokenCount = tailTokenCount;
    }

    public void Dispose()
    {
        _disposed = true;
        Mirror?.Dispose();
        Mirror = null;
        _blocks.ForEach(block => block.Dispose());
        _blocks.Clear();
        _open?.Dispose();
        _open = null;
        TailTokenCount = 0;
        LastBlockId = Root;
    }

    /// <summary>Rents the open Block, before compute threads share it.</summary>
    internal void ReserveOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_open is null)
        {
            _open = Pool.Rent(checked(_openLayerSizeBytes * Geometry.LayerCount));
            _open.Span.Clear();
        }
    }

    /// <summary>K and V of the open Block in one layer; zero past the last token. Reserved before.</summary>
    internal Span<Half> OpenLayer(int layer) =>
        MemoryMarshal.Cast<byte, Half>(_open!.Span.Slice(layer * _openLayerSizeBytes, _openLayerSizeBytes));

    /// <summary>Adds the Block that the open one and its new tokens become. Its layers follow during the forward pass.</summary>
    internal KvBlock Seal(ReadOnlySpan<int> newTokenIds)
    {
        newTokenIds.CopyTo(_tailTokenIds.AsSpan(TailTokenCount));
        var block = new KvBlock(BlockIdChain.Next(LastBlockId, _tailTokenIds), SealedTokenCount, Geometry.LayerCount);
        TailTokenCount = 0;
        if (SealedTokenCount + KvGeometry.BlockTokenCount <= DeferredTokenCount)
        {
            _firstDeferred = _firstDeferred < 0 ? _blocks.Count : _firstDeferred;
        }

        AddSealed(block);
        return block;
    }

    /// <summary>All Blocks are encoded now.</summary>
    internal void EndPrompt()
    {
        _firstDeferred = -1;
        DeferredTokenCount = 0;
        Probes!.EndPrompt();
    }

    internal void AppendToTail(ReadOnlySpan<int> newTokenIds)
    {
        newTokenIds.CopyTo(_tailTokenIds.AsSpan(TailTokenCount));
        TailTokenCount += newTokenIds.Length;
    }

    internal SlabHeader Header(BlockId blockId, int layer, int firstPosition, int tokenCount, ulong codecFingerprint, int payloadSizeBytes) => new()
    {
        Layout = SlabLayout.Rows,
        ModelFingerprint = ModelFingerprint,
        CodecFingerprint = codecFingerprint,
        BlockId = blockId,
        Layer = layer,
        FirstPosition = firstPosition,
        TokenCount = tokenCount,
        KvHeadCount = Geometry.KvHeadCount,
        HeadSize = Geometry.HeadSize,
        WriterEpoch = WriterEpoch,
        PayloadSizeBytes = payloadSizeBytes,
    };

    private void AddSealed(KvBlock block)
    {
        _blocks.Add(block);
        LastBlockId = block.BlockId;
    }
}
