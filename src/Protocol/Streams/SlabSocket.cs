using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// One end of a slab stream: messages between a socket and rented slabs, copied by the kernel alone, or, within a machine, by the receiver out of the sender's memory. One
/// sender and one receiver at a time.
/// </summary>
/// <param name="socket">The connection.</param>
/// <param name="traffic">Counts what goes by reference.</param>
public sealed partial class SlabSocket(Socket socket, SlabTraffic? traffic = null) : IDisposable
{
    /// <summary>What both ends send first; on a Unix socket more follows (<see cref="LocalSlabSocket.GreetingSizeBytes"/>).</summary>
    public const int GreetingSizeBytes = 8;

    /// <summary>A stream that never waits would keep its thread; after so many bytes others have their turn.</summary>
    private const int TurnSizeBytes = 256 << 10;

    /// <summary>After extra bytes; headers hold their own, slabs theirs.</summary>
    private const int ChecksumSizeBytes = sizeof(uint);

    // What was received and not looked at yet: of the next message, that which came with the slab before it.
    private byte[] _ahead = new byte[SlabMessageHeader.SizeBytes];
    private int _aheadStart;
    private int _aheadEnd;
    private int _sentSinceTurn;
    private int _receivedSinceTurn;

    /// <summary>Whether the other end may still be there and has said nothing, as it should between calls.</summary>
    public bool IsQuiet => _aheadStart == _aheadEnd && !IsLending && socket.Connected && !socket.Poll(0, SelectMode.SelectRead);

    /// <summary>When it was taken, on its pool's clock, because a better one was slow; null otherwise.</summary>
    internal long? StopgapSince { get; set; }

    private static ReadOnlySpan<byte> Greeting => "KVSLABS2"u8;

    private static ReadOnlySpan<byte> LocalGreeting => "KVSLABS3"u8;

    /// <summary>Both ends say what they speak, so that a wrong port is found out at once, and on a Unix socket whom they mean and what memory they lend.</summary>
    /// <param name="identity">Of whoever listens; empty over TCP.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">The other end speaks something else, or means another.</exception>
    /// <exception cref="IOException">It said nothing.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async Task GreetAsync(ReadOnlyMemory<byte> identity, CancellationToken cancellationToken)
    {
        byte[] greeting = [.. identity.IsEmpty ? Greeting : LocalGreeting, .. identity.Span];
        await SendAllAsync(greeting, default, cancellationToken);
        var answer = new byte[greeting.Length];
        await ReceiveWholeAsync(answer, cancellationToken);
        if (!answer.AsSpan().SequenceEqual(greeting))
        {
            throw new InvalidDataException("the other end of the connection speaks no slab streams, another version, or means another listener");
        }

        if (!identity.IsEmpty)
        {
            await ExchangeMemoryAsync(cancellationToken);
        }
    }

    /// <summary>A frame with its slab; still the caller's.</summary>
    /// <param name="frame">What to send.</param>
    /// <param name="isFirst">The first of a Put, which says who writes.</param>
    /// <param name="cancellationToken">Breaks the message off; the connection can't be used after it.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendAsync(SlabFrame frame, bool isFirst, CancellationToken cancellationToken = default)
    {
        byte[] workerId = isFirst ? Encoding.UTF8.GetBytes(frame.WorkerId) : [];
        SlabMessageHeader header = SlabMessageHeader.Of(frame) with { ExtraSizeBytes = workerId.Length };
        if (PlaceOf(frame) is { } place)
        {
            await LendAsync(frame, cancellationToken);
            await ReferAsync(header, place, workerId, cancellationToken);
        }
        else
        {
            await SendMessageAsync(header, workerId, frame.SlabMemory, cancellationToken);
        }

        if ((_sentSinceTurn += header.SlabSizeBytes) >= TurnSizeBytes)
        {
            _sentSinceTurn = 0;
            await Task.Yield();
        }
    }

    /// <summary>A message without a slab.</summary>
    public ValueTask SendAsync(SlabMessageKind kind, ReadOnlyMemory<byte> extra, CancellationToken cancellationToken = default) =>
        SendMessageAsync(new SlabMessageHeader { Kind = kind, ExtraSizeBytes = extra.Length }, extra, default, cancellationToken);

    /// <summary>The next message; null when the other end closed the connection before one.</summary>
    /// <exception cref="InvalidDataException">What came is no message, or was damaged on the way; a slab's own checksums are the receiver's to verify.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="IOException">The connection ended in the middle of a message.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<SlabMessage?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (!await ReceiveHeaderAsync(cancellationToken))
            {
                return null;
            }

            SlabMessageHeader header = SlabMessageHeader.Read(_ahead.AsSpan(_aheadStart));
            _aheadStart += SlabMessageHeader.SizeBytes;
            if (header.Kind == SlabMessageKind.Taken)
            {
                await NoteTakenAsync(header.LayerCount);
                continue;
            }

            if (TryReadPlace(header, out long place))
            {
                return await TakeTurnAsync(CopySlab(header, place, []));
            }

            byte[] extra = header.ExtraSizeBytes > 0 ? await ReceiveExtraAsync(header, cancellationToken) : [];
            if (header.Kind is SlabMessageKind.End or SlabMessageKind.Status)
            {
                // Whoever lent the slabs of this call is to have them back when it ends.
                await SendTakenAsync();
            }

            if (header.SlabSizeBytes == 0)
            {
                return new SlabMessage(header, extra, null);
            }

            return await TakeTurnAsync(header.Kind == SlabMessageKind.Reference
                ? CopySlab(header, BinaryPrimitives.ReadInt64LittleEndian(extra), extra[SlabMessageHeader.PlaceSizeBytes..])
                : new SlabMessage(header, extra, await ReceiveSlabAsync(header.SlabSizeBytes, cancellationToken)));
        }
    }

    /// <summary>Says that nothing more comes, and reads on until the other end is done too: what was said last is not lost in a reset.</summary>
    public async Task CloseGentlyAsync(CancellationToken cancellationToken)
    {
        socket.Shutdown(SocketShutdown.Send);
        var rest = new byte[1 << 16];
        while (await socket.ReceiveAsync(rest, cancellationToken) > 0)
        {
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        DisposeMemory();
    }

    /// <summary>At least a header, if there is one, ahead.</summary>
    /// <returns>False when the connection ended before one.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReceiveHeaderAsync(CancellationToken cancellationToken)
    {
        if (_untakenBytes >= TakenSizeBytes)
        {
            await SendTakenAsync();
        }

        if (_aheadEnd - _aheadStart < SlabMessageHeader.SizeBytes)
        {
            _ahead.AsSpan(_aheadStart.._aheadEnd).CopyTo(_ahead);
            (_aheadStart, _aheadEnd) = (0, _aheadEnd - _aheadStart);
        }

        while (_aheadEnd - _aheadStart < SlabMessageHeader.SizeBytes)
        {
            ValueTask<int> receiving = socket.ReceiveAsync(_ahead.AsMemory(_aheadEnd), cancellationToken);
            if (!receiving.IsCompleted)
            {
                // Before this end waits for more, the other one has back what it may be waiting for.
                await SendTakenAsync();
            }

            int count = await receiving;
            if (count == 0)
            {
                return _aheadEnd == 0 ? false : throw Ended();
            }

            _aheadEnd += count;
        }

        return true;
    }

    private async ValueTask<byte[]> ReceiveExtraAsync(SlabMessageHeader header, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[header.ExtraSizeBytes + ChecksumSizeBytes];
        int ahead = TakeAhead(bytes);
        await ReceiveWholeAsync(bytes.AsMemory(ahead), cancellationToken);
        byte[] extra = bytes[..header.ExtraSizeBytes];
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(extra.Length)) == Crc32C.Compute(extra)
            ? extra
            : throw new InvalidDataException($"the {extra.Length} extra bytes of a {header.Kind} were damaged on the way");
    }

    /// <summary>A slab and, of what follows it, as much as is there already and fits.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<SlabLease> ReceiveSlabAsync(int sizeBytes, CancellationToken cancellationToken)
    {
        SlabLease slab = SlabPool.Shared.Rent(sizeBytes);
        try
        {
            for (int received = TakeAhead(slab.Span); received < sizeBytes;)
            {
                int count = GatheredIo.TryReceive(socket, slab.Span[received..], _ahead);
                if (count == 0 && (count = await socket.ReceiveAsync(slab.Memory[received..], cancellationToken)) == 0)
                {
                    throw Ended();
                }

                received += count;
                (_aheadStart, _aheadEnd) = (0, Math.Max(0, received - sizeBytes));
            }

            return slab;
        }
        catch
        {
            slab.Dispose();
            throw;
        }
    }

    /// <summary>What was received already, as far as it fits.</summary>
    private int TakeAhead(Span<byte> destination)
    {
        int count = Math.Min(_aheadEnd - _aheadStart, destination.Length);
        _ahead.AsSpan(_aheadStart, count).CopyTo(destination);
        _aheadStart += count;
        return count;
    }

    /// <exception cref="IOException">The connection ended before the last byte.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveWholeAsync(Memory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int received = 0; received < bytes.Length;)
        {
            int count = await socket.ReceiveAsync(bytes[received..], cancellationToken);
            received += count > 0 ? count : throw Ended();
        }
    }

    private static IOException Ended() => new("the connection ended in the middle of a message");
}
