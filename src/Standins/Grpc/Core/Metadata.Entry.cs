using System.Text;

namespace Grpc.Core;

public sealed partial class Metadata
{
    /// <summary>One key with its ASCII text or, when the key ends in -bin, its bytes. Immutable.</summary>
    public class Entry
    {
        private readonly string? _text;
        private readonly byte[] _bytes;

        public Entry(string key, byte[] valueBytes)
        {
            Key = NormalizedKey(key);
            ArgumentNullException.ThrowIfNull(valueBytes);
            if (!Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal))
            {
                throw new ArgumentException($"The key '{key}' carries bytes, so it must end in '{BinaryHeaderSuffix}'.", nameof(key));
            }

            _bytes = [.. valueBytes];
        }

        public Entry(string key, string value)
        {
            Key = NormalizedKey(key);
            ArgumentNullException.ThrowIfNull(value);
            if (Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal))
            {
                throw new ArgumentException($"The key '{key}' carries text, so it must not end in '{BinaryHeaderSuffix}'.", nameof(key));
            }

            _text = value;
            _bytes = [];
        }

        public string Key { get; }

        public bool IsBinary => _text is null;

        public string Value => _text
            ?? throw new InvalidOperationException($"The entry '{Key}' is binary; read ValueBytes.");

        public byte[] ValueBytes => _text is null ? [.. _bytes] : Encoding.ASCII.GetBytes(_text);

        public override string ToString() => IsBinary
            ? $"[Entry: key={Key}, valueBytes={_bytes.Length} bytes]"
            : $"[Entry: key={Key}, value={_text}]";

        /// <summary>The value as it stands in an HTTP header: text as is, bytes in base64.</summary>
        internal string HeaderValue => _text ?? Convert.ToBase64String(_bytes);

        internal bool HasKey(string key) => string.Equals(Key, key, StringComparison.OrdinalIgnoreCase);

        private static string NormalizedKey(string key)
        {
            ArgumentNullException.ThrowIfNull(key);
            foreach (var c in key)
            {
                if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
                {
                    throw new ArgumentException(
                        $"The metadata key '{key}' may only hold letters, digits, '.', '_' and '-'.", nameof(key));
                }
            }

            return key.ToLowerInvariant();
        }
    }
}
