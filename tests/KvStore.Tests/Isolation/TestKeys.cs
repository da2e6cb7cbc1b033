using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Isolation;

namespace KvCluster.KvStore.Tests.Isolation;

/// <summary>Keys that follow from their ids.</summary>
internal static class TestKeys
{
    public static string Setting(params string[] ids) => string.Join(',', ids.Select(id => $"{id}={Base64(id)}"));

    public static string Base64(string seed) => Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(seed)));

    public static RecordCipher Cipher(params string[] ids) => CipherOf(Setting(ids));

    public static RecordCipher CipherOf(string setting)
    {
        Assert.True(EncryptionKeys.TryParse(setting, out EncryptionKeys? keys, out string? fault), fault);
        return new RecordCipher(keys);
    }

    /// <summary>Whether any run of 16 bytes of a block's payloads, at any multiple of 16, is among <paramref name="bytes"/>.</summary>
    public static bool ShowsPayload(ReadOnlySpan<byte> bytes, int number)
    {
        for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
        {
            ReadOnlySpan<byte> slab = TestSlabs.Bytes(TestSlabs.Id(number), layer).AsSpan(Slab.HeaderSizeBytes);
            for (int at = 0; at + 16 <= slab.Length; at += 16)
            {
                if (bytes.IndexOf(slab.Slice(at, 16)) >= 0)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
