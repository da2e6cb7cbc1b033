using System.Collections.Frozen;

namespace Grpc.Wire;

/// <summary>Header names and fixed values of gRPC over HTTP/2.</summary>
internal static class WireNames
{
    public const string ContentType = "application/grpc";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";
    public const string Identity = "identity";

    /// <summary>Bytes before each message: one flag (1 = compressed) and its length in four, big-endian.</summary>
    public const int FrameHeaderSize = 5;

    private static readonly FrozenSet<string> Reserved = new[]
    {
        Status, Message, Timeout, Encoding, AcceptEncoding, "te", "host", "content-type", "content-encoding", "accept-encoding",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a header belongs to the protocol and is no metadata of the application.</summary>
    public static bool IsReserved(string name) => name.StartsWith(':') || Reserved.Contains(name);

    /// <summary>"application/grpc", alone or followed by a format (+proto) or parameters (;).</summary>
    public static bool IsGrpcContentType(string? value) =>
        value is not null
        && value.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
        && (value.Length == ContentType.Length || value[ContentType.Length] is '+' or ';');
}
