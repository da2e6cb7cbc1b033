using System.Net;
using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>
/// Flips random bits of the bodies of a channel's calls: gRPC's length prefixes, the fields of frames, and slabs. What TCP and HTTP/2 would notice by
/// themselves is left alone.
/// </summary>
internal sealed class FlippingHandler(Random random, double flipsAByte) : DelegatingHandler(new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
{
    private readonly BitFlips _flips = new(random, flipsAByte);

    public volatile bool IsOn;

    /// <summary>Instead of what the server sends, what the client sends is changed.</summary>
    public bool IsForRequests { get; init; }

    /// <summary>Bits flipped so far.</summary>
    public int Count => _flips.Count;

    public GrpcChannel Channel(string address) => GrpcChannel.ForAddress(new Uri(address), new GrpcChannelOptions
    {
        HttpHandler = this,
        MaxReceiveMessageSize = GrpcChannels.MaxMessageSizeBytes,
    });

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        bool isSlabs = request.RequestUri!.AbsolutePath.EndsWith(IsForRequests ? "/Put" : "/Get", StringComparison.Ordinal);
        if (IsOn && isSlabs && IsForRequests)
        {
            request.Content = new FlippingContent(request.Content!, this);
        }

        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (IsOn && isSlabs && !IsForRequests)
        {
            response.Content = new FlippingContent(response.Content, this);
        }

        return response;
    }

    private sealed class FlippingContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly FlippingHandler _owner;

        public FlippingContent(HttpContent inner, FlippingHandler owner)
        {
            (_inner, _owner) = (inner, owner);
            foreach (var header in inner.Headers)
            {
                Headers.TryAddWithoutValidation(header.Key, header.Value);
            }
        }

        protected override async Task<Stream> CreateContentReadStreamAsync() => new FlippingStream(await _inner.ReadAsStreamAsync(), _owner);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => _inner.CopyToAsync(new FlippingStream(stream, _owner));

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            _inner.CopyToAsync(new FlippingStream(stream, _owner), cancellationToken);

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>Passes bytes on in either direction, with some bits changed.</summary>
    private sealed class FlippingStream(Stream inner, FlippingHandler owner) : Stream
    {
        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => false;

        public override bool CanWrite => inner.CanWrite;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int length = await inner.ReadAsync(buffer, cancellationToken);
            Flip(buffer.Span[..length]);
            return length;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            byte[] copy = buffer.ToArray();
            Flip(copy);
            await inner.WriteAsync(copy, cancellationToken);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => inner.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }

        private void Flip(Span<byte> bytes) => owner._flips.Apply(bytes);
    }
}
