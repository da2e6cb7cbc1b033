using System.Buffers.Binary;
using System.Net.Sockets;
using KvCluster.Compression.Blocks;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.Protocol.Streams;

/// <summary>What both ends of a Unix socket do with each other's memory.</summary>
public sealed partial class SlabSocket
{
    /// <summary>Smaller slabs are sent. From here on references were measured to be faster, five times at this size, as they go by the dozen.</summary>
    internal const int DefaultMinReferredSizeBytes = 4 << 10;

    /// <summary>References that come at a time, with one system call.</summary>
    private const int AheadSizeBytes = 8 << 10;

    /// <summary>After so many bytes were copied, whoever lent them may have them back.</summary>
    private const int TakenSizeBytes = 1 << 20;

    private LentSlabs? _lent;
    private PeerMemory? _peer;
    private int _untakenCount;
    private long _untakenBytes;
    private volatile bool _isDisposed;

    /// <summary>For tests, whose slabs are small, another than the default.</summary>
    internal static int MinReferredSizeBytes { get; set; } = DefaultMinReferredSizeBytes;

    /// <summary>Whether slabs that the other end was referred to are not taken yet.</summary>
    public bool IsLending => _lent is { Count: > 0 };

    /// <summary>Whether this end can refer the other one to its slabs.</summary>
    internal bool CanLend => _lent is not null;

    /// <summary>Whether the other end can refer this one to its slabs.</summary>
    internal bool CanBorrow => _peer is not null;

    /// <summary>Both ends say what they lend, and whether they can read what the other does. Whatever prevents it costs the speed alone.</summary>
    private async Task ExchangeMemoryAsync(CancellationToken cancellationToken)
    {
        // Who is another user, root, gets bytes.
        bool isTrusted = GatheredIo.IsSupported && LocalSlabSocket.UserAt(socket) == LocalSlabSocket.UserId;
        SharedSlabMemory? memory = isTrusted ? SlabPool.Shared.SharedMemory : null;
        LentSlabs? lent = memory is null ? null : LentSlabs.TryCreate(memory);
        SafeFileHandle? file = null;
        try
        {
            byte[] bytes = new byte[MemoryOffer.SizeBytes];
            (lent?.Offer ?? MemoryOffer.None).Write(bytes);
            if (lent is null)
            {
                await SendAllAsync(bytes, default, cancellationToken);
            }
            else if (DescriptorIo.TrySend(socket, bytes, memory!.File) < bytes.Length)
            {
                throw new IOException("the connection took no open file");
            }

            int received = 0;
            if (GatheredIo.IsSupported)
            {
                await socket.ReceiveAsync(bytes.AsMemory(0, 1), SocketFlags.Peek, cancellationToken);
                received = Math.Max(0, DescriptorIo.TryReceive(socket, bytes, out file));
            }

            await ReceiveWholeAsync(bytes.AsMemory(received), cancellationToken);
            var offer = MemoryOffer.Read(bytes);
            PeerMemory? peer = file is not null && isTrusted && offer != MemoryOffer.None ? PeerMemory.TryMap(file, offer) : null;
            if (peer is not null)
            {
                _ahead = new byte[AheadSizeBytes];
                Keep(ref _peer, peer);
            }

            await SendAllAsync(new[] { peer is null ? (byte)0 : (byte)1 }, default, cancellationToken);
            await ReceiveWholeAsync(bytes.AsMemory(0, 1), cancellationToken);
            if (bytes[0] == 1 && lent is not null)
            {
                LentSlabs kept = lent;
                lent = null;
                Keep(ref _lent, kept);
            }
        }
        finally
        {
            lent?.Dispose();
            file?.Dispose();
        }
    }

    /// <summary>Where the other end finds the slab of a frame; null: it is to be sent.</summary>
    private long? PlaceOf(SlabFrame frame) => _lent is not null && frame.SlabBytes.Length >= MinReferredSizeBytes ? frame.SharedOffset : null;

    /// <summary>The place of a slab, where nothing else comes with it and it is here already, as nearly always.</summary>
    private bool TryReadPlace(in SlabMessageHeader header, out long place)
    {
        place = 0;
        ReadOnlySpan<byte> bytes = _ahead.AsSpan(_aheadStart.._aheadEnd);
        if (header is not { Kind: SlabMessageKind.Reference, ExtraSizeBytes: SlabMessageHeader.PlaceSizeBytes } || bytes.Length < SlabMessageHeader.PlaceSizeBytes + ChecksumSizeBytes)
        {
            return false;
        }

        // What is damaged is refused by whoever reads it in full.
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[SlabMessageHeader.PlaceSizeBytes..]) != Crc32C.Compute(bytes[..SlabMessageHeader.PlaceSizeBytes]))
        {
            return false;
        }

        place = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        _aheadStart += SlabMessageHeader.PlaceSizeBytes + ChecksumSizeBytes;
        return true;
    }

    /// <summary>The frame that a reference stands for.</summary>
    private SlabMessage CopySlab(in SlabMessageHeader header, long place, byte[] extra)
    {
        PeerMemory peer = _peer ?? throw new InvalidDataException("the other end refers to memory that it does not lend");
        SlabLease slab = SlabPool.Shared.Rent(header.SlabSizeBytes);
        try
        {
            peer.Copy(place, slab.Span);
        }
        catch
        {
            slab.Dispose();
            throw;
        }

        _untakenCount++;
        _untakenBytes += header.SlabSizeBytes;
        traffic?.Note(header.SlabSizeBytes);
        return new SlabMessage(header with { Kind = SlabMessageKind.Frame, ExtraSizeBytes = extra.Length }, extra, slab);
    }

    /// <summary>A received message, after others have had their turn when this end has received for long without waiting.</summary>
    private ValueTask<SlabMessage> TakeTurnAsync(in SlabMessage message)
    {
        if ((_receivedSinceTurn += message.Header.SlabSizeBytes) < TurnSizeBytes)
        {
            return ValueTask.FromResult(message);
        }

        _receivedSinceTurn = 0;
        return YieldAsync(message);
    }

    private static async ValueTask<SlabMessage> YieldAsync(SlabMessage message)
    {
        await Task.Yield();
        return message;
    }

    private async ValueTask NoteTakenAsync(int count)
    {
        if (_lent is null)
        {
            throw new InvalidDataException("the other end took slabs and was lent none");
        }

        _lent.Take(count);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _waitingCount) == 0)
        {
            return;
        }

        await _sending.WaitAsync();
        try
        {
            if (_waitingCount > 0)
            {
                await SendWaitingAsync(default, CancellationToken.None);
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private async ValueTask SendTakenAsync()
    {
        if (_untakenCount == 0)
        {
            return;
        }

        var taken = new SlabMessageHeader { Kind = SlabMessageKind.Taken, LayerCount = _untakenCount };
        (_untakenCount, _untakenBytes) = (0, 0);
        try
        {
            await SendMessageAsync(taken, default, default, CancellationToken.None);
        }
        catch (SocketException)
        {
            // Whoever is gone needs nothing back; the receive says so.
        }
    }

    /// <summary>Unless this end was disposed of meanwhile.</summary>
    private void Keep<T>(ref T? field, T value)
        where T : class, IDisposable
    {
        Volatile.Write(ref field, value);
        Interlocked.MemoryBarrier();
        if (_isDisposed)
        {
            value.Dispose();
        }
    }

    private void DisposeMemory()
    {
        _isDisposed = true;
        Interlocked.MemoryBarrier();
        _lent?.Dispose();
        _peer?.Dispose();
    }
}
