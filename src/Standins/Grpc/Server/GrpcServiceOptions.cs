using System.IO.Compression;
using Grpc.Net.Compression;

namespace Grpc.AspNetCore.Server;

/// <summary>Settings of all services of a server.</summary>
public class GrpcServiceOptions
{
    internal const int DefaultMaxReceiveMessageSize = 4 * 1024 * 1024;

    private int? _maxSendMessageSize;
    private int? _maxReceiveMessageSize;
    private IList<ICompressionProvider>? _compressionProviders;

    /// <summary>Bytes of the largest message sent; null (the default) is no limit.</summary>
    public int? MaxSendMessageSize
    {
        get => _maxSendMessageSize;
        set
        {
            _maxSendMessageSize = value;
            MaxSendMessageSizeSpecified = true;
        }
    }

    public bool MaxSendMessageSizeSpecified { get; private set; }

    /// <summary>Bytes of the largest message received, after decompression; null is no limit, the default is 4 MiB.</summary>
    public int? MaxReceiveMessageSize
    {
        get => MaxReceiveMessageSizeSpecified ? _maxReceiveMessageSize : DefaultMaxReceiveMessageSize;
        set
        {
            _maxReceiveMessageSize = value;
            MaxReceiveMessageSizeSpecified = true;
        }
    }

    public bool MaxReceiveMessageSizeSpecified { get; private set; }

    /// <summary>Whether the messages of unhandled exceptions reach the client; default no.</summary>
    public bool? EnableDetailedErrors { get; set; }

    /// <summary>Encoding of response messages when the client accepts it; null sends them as they are.</summary>
    public string? ResponseCompressionAlgorithm { get; set; }

    public CompressionLevel? ResponseCompressionLevel { get; set; }

    /// <summary>Encodings known; gzip and deflate by default.</summary>
    public IList<ICompressionProvider> CompressionProviders
    {
        get => _compressionProviders ??= [];
        set => _compressionProviders = value;
    }

    /// <summary>Whether calls to services that do not exist are left to other endpoints instead of being answered.</summary>
    public bool? IgnoreUnknownServices { get; set; }

    public InterceptorCollection Interceptors { get; } = [];

    internal IList<ICompressionProvider>? SpecifiedCompressionProviders => _compressionProviders;
}

/// <summary>Settings of one service; what is set here wins over <see cref="GrpcServiceOptions"/>.</summary>
public class GrpcServiceOptions<TService> : GrpcServiceOptions
    where TService : class
{
}
