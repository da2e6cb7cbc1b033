using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>Messages on their way out, and references that wait for others.</summary>
public sealed partial class SlabSocket
{
    /// <summary>Of references that wait for others.</summary>
    private const int MaxWaitingCount = 16;

    private readonly SemaphoreSlim _sending = new(1);
    private readonly byte[] _sent = new byte[2 << 10];
    private int _waitingBytes;
    private int _waitingCount;

    private static int SizeOf(in SlabMessageHeader header) => SlabMessageHeader.SizeBytes + (header.ExtraSizeBytes > 0 ? header.ExtraSizeBytes + ChecksumSizeBytes : 0);

    /// <summary>The bytes of a message before its slab.</summary>
    private static void Write(Span<byte> destination, in SlabMessageHeader header, ReadOnlySpan<byte> extra)
    {
        header.Write(destination);
        if (!extra.IsEmpty)
        {
            extra.CopyTo(destination[SlabMessageHeader.SizeBytes..]);
            BinaryPrimitives.WriteUInt32LittleEndian(destination[(SlabMessageHeader.SizeBytes + extra.Length)..], Crc32C.Compute(extra));
        }
    }

    /// <summary>A message, after those that wait.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendMessageAsync(SlabMessageHeader header, ReadOnlyMemory<byte> extra, ReadOnlyMemory<byte> slab, CancellationToken cancellationToken)
    {
        int sizeBytes = SizeOf(header);
        await _sending.WaitAsync(cancellationToken);
        try
        {
            if (_waitingBytes + sizeBytes > _sent.Length)
            {
                await SendWaitingAsync(default, cancellationToken);
            }

            if (sizeBytes > _sent.Length)
            {
                byte[] whole = new byte[sizeBytes];
                Write(whole, header, extra.Span);
                await SendAllAsync(whole, slab, cancellationToken);
                return;
            }

            Write(_sent.AsSpan(_waitingBytes), header, extra.Span);
            _waitingBytes += sizeBytes;
            await SendWaitingAsync(slab, cancellationToken);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Messages that wait, and the slab of the last one.</summary>
    private ValueTask SendWaitingAsync(ReadOnlyMemory<byte> slab, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> bytes = _sent.AsMemory(0, _waitingBytes);
        (_waitingBytes, _waitingCount) = (0, 0);
        return SendAllAsync(bytes, slab, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAllAsync(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<byte> slab, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int sent = GatheredIo.TrySend(socket, bytes.Span, slab.Span);
        for (; sent < bytes.Length; sent += await socket.SendAsync(bytes[sent..], cancellationToken))
        {
        }

        for (sent -= bytes.Length; sent < slab.Length; sent += await socket.SendAsync(slab[sent..], cancellationToken))
        {
        }
    }

    private async ValueTask LendAsync(SlabFrame frame, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SlabLease slab = frame.ShareSlab()!;
        while (!_lent!.TryAdd(slab))
        {
            try
            {
                await _lent.WaitForRoomAsync(cancellationToken);
            }
            catch
            {
                slab.Dispose();
                throw;
            }
        }

        traffic?.Note(slab.SizeBytes);
    }

    /// <summary>
    /// A reference, which waits for others unless the other end has nothing to do: it says when it has, by taking, so that none waits for long. Every system call saved here is one
    /// there, too, and a thread less to wake.
    /// </summary>
    private async ValueTask ReferAsync(SlabMessageHeader header, long place, ReadOnlyMemory<byte> workerId, CancellationToken cancellationToken)
    {
        header = header with { Kind = SlabMessageKind.Reference, ExtraSizeBytes = SlabMessageHeader.PlaceSizeBytes + workerId.Length };
        int sizeBytes = SizeOf(header);
        if (sizeBytes > _sent.Length)
        {
            byte[] extra = new byte[header.ExtraSizeBytes];
            WriteExtra(extra, place, workerId.Span);
            await SendMessageAsync(header, extra, default, cancellationToken);
            return;
        }

        await _sending.WaitAsync(cancellationToken);
        try
        {
            if (_waitingBytes + sizeBytes > _sent.Length)
            {
                await SendWaitingAsync(default, cancellationToken);
            }

            WriteReference(_sent.AsSpan(_waitingBytes), header, place, workerId.Span);
            _waitingBytes += sizeBytes;
            _waitingCount++;

            // Whoever takes looks for those that wait after that, this looks for those that are to be taken after it has one waiting: one of them sees the other.
            Interlocked.MemoryBarrier();
            if (_waitingCount >= MaxWaitingCount || _lent!.Count <= _waitingCount)
            {
                await SendWaitingAsync(default, cancellationToken);
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private static void WriteReference(Span<byte> destination, in SlabMessageHeader header, long place, ReadOnlySpan<byte> workerId)
    {
        Span<byte> extra = stackalloc byte[header.ExtraSizeBytes];
        WriteExtra(extra, place, workerId);
        Write(destination, header, extra);
    }

    /// <summary>What a reference says beside its header.</summary>
    private static void WriteExtra(Span<byte> extra, long place, ReadOnlySpan<byte> workerId)
    {
        BinaryPrimitives.WriteInt64LittleEndian(extra, place);
        workerId.CopyTo(extra[SlabMessageHeader.PlaceSizeBytes..]);
    }
}
