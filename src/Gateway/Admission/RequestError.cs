namespace KvCluster.Gateway.Admission;

/// <summary>Why a request failed, in words for its client.</summary>
[GenerateSerializer, Immutable]
public sealed record RequestError
{
    [Id(0)] public required RequestErrorKind Kind { get; init; }

    /// <summary>What is wrong and what to do, without the field's name.</summary>
    [Id(1)] public required string Message { get; init; }

    /// <summary>The offending field, as the APIs call it.</summary>
    [Id(2)] public string? Field { get; init; }

    /// <summary>The message, led by the field's name.</summary>
    public string Text => Field is null ? Message : $"{Field}: {Message}";

    public static RequestError Invalid(string field, string message) =>
        new() { Kind = RequestErrorKind.InvalidArgument, Field = field, Message = message };

    public static RequestError ContextTooLong(string field, string message) =>
        new() { Kind = RequestErrorKind.ContextTooLong, Field = field, Message = message };

    public static RequestError UnknownModel(string asked, string served) => new()
    {
        Kind = RequestErrorKind.ModelNotFound,
        Field = "model",
        Message = $"'{asked}' is not served here; '{served}' is.",
    };

    public static RequestError Overloaded(string message) => new() { Kind = RequestErrorKind.Overloaded, Message = message };

    public static RequestError Unavailable(string message) => new() { Kind = RequestErrorKind.Unavailable, Message = message };

    public static RequestError Internal(string message) => new() { Kind = RequestErrorKind.Internal, Message = message };
}
