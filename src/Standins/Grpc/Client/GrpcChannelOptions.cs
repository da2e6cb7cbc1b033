using Grpc.Core;
using Grpc.Net.Compression;
using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client;

/// <summary>Settings of a channel.</summary>
public sealed class GrpcChannelOptions
{
    internal const int DefaultMaxReceiveMessageSize = 4 * 1024 * 1024;

    /// <summary>Null takes cleartext or TLS from the scheme of the address.</summary>
    public ChannelCredentials? Credentials { get; set; }

    /// <summary>Bytes of the largest message sent; null (the default) is no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Bytes of the largest message received, after decompression; null is no limit, the default is 4 MiB.</summary>
    public int? MaxReceiveMessageSize { get; set; } = DefaultMaxReceiveMessageSize;

    /// <summary>Encodings known; null is gzip and deflate.</summary>
    public IList<ICompressionProvider>? CompressionProviders { get; set; }

    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The client that sends the calls; excludes <see cref="HttpHandler"/>.</summary>
    public HttpClient? HttpClient { get; set; }

    /// <summary>The handler that sends the calls; excludes <see cref="HttpClient"/>.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Whether the channel disposes the client or handler given to it; one it made itself it always disposes.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Whether a call cancelled here, or past its deadline, throws OperationCanceledException instead of RpcException.</summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; }

    /// <summary>Whether call credentials may travel over cleartext.</summary>
    public bool UnsafeUseInsecureChannelCallCredentials { get; set; }

    /// <summary>Null is HTTP/2.</summary>
    public Version? HttpVersion { get; set; }

    /// <summary>Null is the exact version.</summary>
    public HttpVersionPolicy? HttpVersionPolicy { get; set; }
}
