using System.Diagnostics.CodeAnalysis;

namespace KvCluster.KvStore.Isolation;

/// <summary>The keys of a store: the first one seals, all of them open, so that keys can be changed while records of the old ones live on.</summary>
internal sealed class EncryptionKeys
{
    private const int MaxIdLength = 32;

    /// <summary>Records are written plain.</summary>
    public static readonly EncryptionKeys None = new([]);

    private readonly Dictionary<ulong, EncryptionKey> _byFingerprint;

    public EncryptionKeys(IReadOnlyList<EncryptionKey> keys)
    {
        Writer = keys.Count > 0 ? keys[0] : null;
        _byFingerprint = keys.ToDictionary(key => key.Fingerprint);
    }

    /// <summary>Seals what is written; null: nothing is sealed.</summary>
    public EncryptionKey? Writer { get; }

    public bool TryFind(ulong fingerprint, [NotNullWhen(true)] out EncryptionKey? key) => _byFingerprint.TryGetValue(fingerprint, out key);

    /// <summary>Reads <c>id=base64,id=base64</c>, 32 bytes each.</summary>
    /// <param name="text">The setting; empty: <see cref="None"/>.</param>
    /// <param name="keys">Null when it is wrong.</param>
    /// <param name="fault">What is wrong, without any part of a key.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out EncryptionKeys? keys, [NotNullWhen(false)] out string? fault)
    {
        keys = null;
        var parsed = new List<EncryptionKey>();
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            int separator = parts[i].IndexOf('=', StringComparison.Ordinal);
            string id = separator > 0 ? parts[i][..separator] : "";
            if (id.Length is 0 or > MaxIdLength || !id.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.'))
            {
                fault = $"key {i + 1} must be id=base64 with an id of 1 to {MaxIdLength} letters, digits, '-', '_' and '.'";
                return false;
            }

            byte[] bytes = new byte[EncryptionKey.SizeBytes + 1];
            if (!Convert.TryFromBase64String(parts[i][(separator + 1)..], bytes, out int length) || length != EncryptionKey.SizeBytes)
            {
                fault = $"key '{id}' must be {EncryptionKey.SizeBytes} bytes in base64 (openssl rand -base64 {EncryptionKey.SizeBytes})";
                return false;
            }

            if (parsed.Exists(key => key.Id == id))
            {
                fault = $"key '{id}' is there twice";
                return false;
            }

            parsed.Add(new EncryptionKey(id, bytes[..length]));
        }

        keys = parsed.Count == 0 ? None : new EncryptionKeys(parsed);
        fault = null;
        return true;
    }
}
