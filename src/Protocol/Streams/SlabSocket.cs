using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// One end of a slab stream: messages between a socket and rented slabs, copied by the kernel alone. One sender and one receiver at a time.
/// </summary>
public sealed class SlabSocket(Socket socket) : IDisposable
{
    /// <summary>What both ends send first.</summary>
    public const int GreetingSizeBytes = 8;

    /// <summary>A stream that never waits would keep its thread; after so many bytes others have their turn.</summary>
    private const int TurnSizeBytes = 256 << 10;

    /// <summary>After extra bytes; headers hold their own, slabs theirs.</summary>
    private const int ChecksumSizeBytes = sizeof(uint);

    private static ReadOnlySpan<byte> Greeting => "KVSLABS2"u8;

    private readonly byte[] _sent = new byte[SlabMessageHeader.SizeBytes];
    private readonly byte[] _received = new byte[SlabMessageHeader.SizeBytes];

    // Of the next header, those that came with the slab before it.
    private int _receivedAhead;
    private int _sentSinceTurn;
    private int _receivedSinceTurn;

    /// <summary>Whether the other end may still be there and has said nothing, as it should between calls.</summary>
    public bool IsQuiet => _receivedAhead == 0 && socket.Connected && !socket.Poll(0, SelectMode.SelectRead);

    /// <summary>When it was taken, on its pool's clock, because a better one was slow; null otherwise.</summary>
    internal long? StopgapSince { get; set; }

    /// <summary>Both ends say what they speak, so that a wrong port is found out at once, and on a Unix socket whom they mean.</summary>
    /// <param name="identity">Of whoever listens; empty over TCP.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">The other end speaks something else, or means another.</exception>
    /// <exception cref="IOException">It said nothing.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async Task GreetAsync(ReadOnlyMemory<byte> identity, CancellationToken cancellationToken)
    {
        byte[] greeting = [.. Greeting, .. identity.Span];
        await SendAllAsync(greeting, default, cancellationToken);
        var answer = new byte[greeting.Length];
        await ReceiveWholeAsync(answer, cancellationToken);
        if (!answer.AsSpan().SequenceEqual(greeting))
        {
            throw new InvalidDataException("the other end of the connection speaks no slab streams, or means another listener");
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
        await SendAllAsync(Begin(header, workerId), frame.SlabMemory, cancellationToken);
        if ((_sentSinceTurn += header.SlabSizeBytes) >= TurnSizeBytes)
        {
            _sentSinceTurn = 0;
            await Task.Yield();
        }
    }

    /// <summary>A message without a slab.</summary>
    public ValueTask SendAsync(SlabMessageKind kind, ReadOnlyMemory<byte> extra, CancellationToken cancellationToken = default) =>
        SendAllAsync(Begin(new SlabMessageHeader { Kind = kind, ExtraSizeBytes = extra.Length }, extra), default, cancellationToken);

    /// <summary>The next message; null when the other end closed the connection before one.</summary>
    /// <exception cref="InvalidDataException">What came is no message, or was damaged on the way; a slab's own checksums are the receiver's to verify.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="IOException">The connection ended in the middle of a message.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<SlabMessage?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        int ahead = _receivedAhead;
        _receivedAhead = 0;
        if (ahead < SlabMessageHeader.SizeBytes && !await ReceiveAllAsync(_received.AsMemory(ahead), cancellationToken))
        {
            return ahead == 0 ? null : throw Ended();
        }

        SlabMessageHeader header = SlabMessageHeader.Read(_received);
        byte[] extra = [];
        if (header.ExtraSizeBytes > 0)
        {
            byte[] checkedBytes = new byte[header.ExtraSizeBytes + ChecksumSizeBytes];
            await ReceiveWholeAsync(checkedBytes, cancellationToken);
            extra = checkedBytes[..header.ExtraSizeBytes];
            if (BinaryPrimitives.ReadUInt32LittleEndian(checkedBytes.AsSpan(extra.Length)) != Crc32C.Compute(extra))
            {
                throw new InvalidDataException($"the {extra.Length} extra bytes of a {header.Kind} were damaged on the way");
            }
        }

        if (header.SlabSizeBytes == 0)
        {
            return new SlabMessage(header, extra, null);
        }

        SlabLease slab = SlabPool.Shared.Rent(header.SlabSizeBytes);
        try
        {
            await ReceiveSlabAsync(slab.Memory, cancellationToken);
        }
        catch
        {
            slab.Dispose();
            throw;
        }

        if ((_receivedSinceTurn += header.SlabSizeBytes) >= TurnSizeBytes)
        {
            _receivedSinceTurn = 0;
            await Task.Yield();
        }

        return new SlabMessage(header, extra, slab);
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

    public void Dispose() => socket.Dispose();

    /// <summary>The bytes of a message before its slab, valid until the next.</summary>
    private ReadOnlyMemory<byte> Begin(in SlabMessageHeader header, ReadOnlyMemory<byte> extra)
    {
        if (extra.IsEmpty)
        {
            header.Write(_sent);
            return _sent;
        }

        byte[] whole = new byte[SlabMessageHeader.SizeBytes + extra.Length + ChecksumSizeBytes];
        header.Write(whole);
        extra.CopyTo(whole.AsMemory(SlabMessageHeader.SizeBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(whole.AsSpan(^ChecksumSizeBytes..), Crc32C.Compute(extra.Span));
        return whole;
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

    /// <summary>A slab and, of what follows it, as much of the next header as is there already.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveSlabAsync(Memory<byte> slab, CancellationToken cancellationToken)
    {
        for (int received = 0; received < slab.Length;)
        {
            int count = GatheredIo.TryReceive(socket, slab.Span[received..], _received);
            if (count == 0 && (count = await socket.ReceiveAsync(slab[received..], cancellationToken)) == 0)
            {
                throw Ended();
            }

            received += count;
            _receivedAhead = Math.Max(0, received - slab.Length);
        }
    }

    private async ValueTask ReceiveWholeAsync(Memory<byte> bytes, CancellationToken cancellationToken)
    {
        if (!await ReceiveAllAsync(bytes, cancellationToken))
        {
            throw Ended();
        }
    }

    /// <summary>False when the connection ended before the first byte.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReceiveAllAsync(Memory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int received = 0; received < bytes.Length;)
        {
            int count = await socket.ReceiveAsync(bytes[received..], cancellationToken);
            if (count == 0)
            {
                return received == 0 ? false : throw Ended();
            }

            received += count;
        }

        return true;
    }

    private static IOException Ended() => new("the connection ended in the middle of a message");
}
