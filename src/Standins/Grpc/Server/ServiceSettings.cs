using System.IO.Compression;
using Grpc.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Grpc.AspNetCore.Server;

/// <summary>The options of one service, merged and fixed.</summary>
internal sealed class ServiceSettings
{
    private ServiceSettings(GrpcServiceOptions all, GrpcServiceOptions? own)
    {
        MaxSendMessageSize = own is { MaxSendMessageSizeSpecified: true } ? own.MaxSendMessageSize : all.MaxSendMessageSize;
        MaxReceiveMessageSize =
            own is { MaxReceiveMessageSizeSpecified: true } ? own.MaxReceiveMessageSize : all.MaxReceiveMessageSize;
        EnableDetailedErrors = own?.EnableDetailedErrors ?? all.EnableDetailedErrors ?? false;
        ResponseEncoding = own?.ResponseCompressionAlgorithm ?? all.ResponseCompressionAlgorithm;
        ResponseCompressionLevel = own?.ResponseCompressionLevel ?? all.ResponseCompressionLevel;
        IgnoreUnknownServices = own?.IgnoreUnknownServices ?? all.IgnoreUnknownServices ?? false;
        Interceptors = [.. all.Interceptors, .. own?.Interceptors ?? []];
        var providers = own?.SpecifiedCompressionProviders ?? all.SpecifiedCompressionProviders;
        Encodings = providers is null ? MessageEncodings.Default : new MessageEncodings(
            [.. providers, .. DefaultProvidersBeside(providers)]);
        if (ResponseEncoding is not (null or WireNames.Identity) && !Encodings.TryGet(ResponseEncoding, out _))
        {
            throw new InvalidOperationException(
                $"ResponseCompressionAlgorithm '{ResponseEncoding}' has no provider; known are {Encodings.AcceptHeader}.");
        }
    }

    public int? MaxSendMessageSize { get; }

    public int? MaxReceiveMessageSize { get; }

    public bool EnableDetailedErrors { get; }

    public string? ResponseEncoding { get; }

    public CompressionLevel? ResponseCompressionLevel { get; }

    public bool IgnoreUnknownServices { get; }

    public IReadOnlyList<InterceptorRegistration> Interceptors { get; }

    public MessageEncodings Encodings { get; }

    public static ServiceSettings ForAll(IServiceProvider services) =>
        new(services.GetRequiredService<IOptions<GrpcServiceOptions>>().Value, null);

    public static ServiceSettings For<TService>(IServiceProvider services)
        where TService : class => new(
            services.GetRequiredService<IOptions<GrpcServiceOptions>>().Value,
            services.GetRequiredService<IOptions<GrpcServiceOptions<TService>>>().Value);

    private static IEnumerable<Net.Compression.ICompressionProvider> DefaultProvidersBeside(
        IEnumerable<Net.Compression.ICompressionProvider> specified)
    {
        foreach (var name in new[] { "gzip", "deflate" })
        {
            if (specified.All(provider => provider.EncodingName != name) && MessageEncodings.Default.TryGet(name, out var known))
            {
                yield return known;
            }
        }
    }
}
