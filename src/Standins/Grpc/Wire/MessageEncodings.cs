using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using Grpc.Core;
using Grpc.Net.Compression;

namespace Grpc.Wire;

/// <summary>The message encodings that one side knows.</summary>
internal sealed class MessageEncodings
{
    public static readonly MessageEncodings Default = new(
    [
        new GzipCompressionProvider(CompressionLevel.Fastest),
        new DeflateCompressionProvider(CompressionLevel.Fastest),
    ]);

    private readonly Dictionary<string, ICompressionProvider> _providers;

    public MessageEncodings(IEnumerable<ICompressionProvider> providers)
    {
        _providers = providers.ToDictionary(provider => provider.EncodingName, StringComparer.Ordinal);
        AcceptHeader = string.Join(',', _providers.Keys.Prepend(WireNames.Identity));
    }

    /// <summary>Value of grpc-accept-encoding.</summary>
    public string AcceptHeader { get; }

    public bool TryGet(string? name, [NotNullWhen(true)] out ICompressionProvider? provider)
    {
        provider = null;
        return name is not null && _providers.TryGetValue(name, out provider);
    }

    /// <summary>Unpacks a payload into <paramref name="target"/>, refusing more than <paramref name="maxSize"/> bytes.</summary>
    public void Decompress(string? encoding, Stream packed, FrameBuffer target, int? maxSize)
    {
        if (encoding is null or WireNames.Identity)
        {
            throw new RpcException(new Status(
                StatusCode.Internal, "A message is flagged as compressed, but the call names no grpc-encoding."));
        }

        if (!TryGet(encoding, out var provider))
        {
            throw new RpcException(UnknownEncoding(encoding));
        }

        try
        {
            using var source = provider.CreateDecompressionStream(packed);
            int read;
            while ((read = source.Read(target.GetSpan(1))) > 0)
            {
                target.Advance(read);
                if (maxSize is { } limit && target.PayloadLength > limit)
                {
                    throw new RpcException(MessageStatus.ReceivedTooLarge(limit));
                }
            }
        }
        catch (InvalidDataException ex)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"A message is no valid {encoding} data.", ex));
        }
    }

    public Status UnknownEncoding(string encoding) => new(
        StatusCode.Unimplemented, $"The message encoding '{encoding}' is unknown here; known are {AcceptHeader}.");
}
