using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Puts HTTP header values into metadata.</summary>
internal static class HeaderMetadata
{
    /// <summary>A -bin value is base64 with or without padding, several of them joined by commas.</summary>
    public static void Append(Metadata metadata, string name, string value)
    {
        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(name, value);
            return;
        }

        foreach (var part in value.Split(','))
        {
            metadata.Add(name, DecodeBase64(part.Trim()));
        }
    }

    private static byte[] DecodeBase64(string text) => Convert.FromBase64String((text.Length % 4) switch
    {
        2 => text + "==",
        3 => text + "=",
        _ => text,
    });
}
