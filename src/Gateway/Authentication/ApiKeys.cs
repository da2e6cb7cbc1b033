using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace KvCluster.Gateway.Authentication;

/// <summary>
/// Whose request it is. With keys configured the tenant is the one whose key the caller has, and a tenant that the request names only divides
/// that one further; without keys everybody is trusted to say.
/// </summary>
/// <remarks>Keys are found by their hash, so that the time that takes says nothing of any key.</remarks>
internal sealed class ApiKeys
{
    /// <summary>What a caller without a right key is told.</summary>
    public const string Refusal = "The API key is missing or not known; send one as 'Authorization: Bearer KEY'.";

    private const string Scheme = "Bearer ";
    private const int MaxTenantLength = 64;
    private const int MinKeyLength = 16;

    private readonly Dictionary<string, string> _tenants;

    private ApiKeys(Dictionary<string, string> tenants) => _tenants = tenants;

    /// <summary>Whether callers must have a key.</summary>
    public bool AreRequired => _tenants.Count > 0;

    /// <summary>Reads <c>tenant=key,tenant=key</c>; a tenant may have several keys.</summary>
    /// <param name="text">The setting; empty: no keys.</param>
    /// <param name="keys">Null when it is wrong.</param>
    /// <param name="fault">What is wrong, without any part of a key.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out ApiKeys? keys, [NotNullWhen(false)] out string? fault)
    {
        keys = null;
        var tenants = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            int separator = parts[i].IndexOf('=', StringComparison.Ordinal);
            string tenant = separator > 0 ? parts[i][..separator] : "";
            if (tenant.Length is 0 or > MaxTenantLength || !tenant.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.'))
            {
                fault = $"entry {i + 1} must be tenant=key with a tenant of 1 to {MaxTenantLength} letters, digits, '-', '_' and '.'";
                return false;
            }

            string key = parts[i][(separator + 1)..];
            if (key.Length < MinKeyLength || !key.All(letter => letter is > ' ' and < '\x7f'))
            {
                fault = $"the key of '{tenant}' must be at least {MinKeyLength} printable ASCII characters";
                return false;
            }

            if (!tenants.TryAdd(HashOf(key), tenant))
            {
                fault = $"the key of '{tenant}' is there twice";
                return false;
            }
        }

        keys = new ApiKeys(tenants);
        fault = null;
        return true;
    }

    /// <summary>The tenant that salts the BlockIds of a request. False when the caller has no right key.</summary>
    /// <param name="authorization">The header <c>Authorization</c>.</param>
    /// <param name="named">The tenant that the request names; may be empty.</param>
    /// <param name="tenant">As authenticated, and the named one within it.</param>
    public bool TryFindTenant(string? authorization, string named, [NotNullWhen(true)] out string? tenant)
    {
        if (!AreRequired)
        {
            tenant = named;
            return true;
        }

        tenant = null;
        if (authorization is null
            || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || !_tenants.TryGetValue(HashOf(authorization[Scheme.Length..].Trim()), out string? owner))
        {
            return false;
        }

        // No tenant's id has a slash: nothing that one names gets outside of its own.
        tenant = named.Length == 0 ? owner : $"{owner}/{named}";
        return true;
    }

    private static string HashOf(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
