using System.Globalization;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// A character of the Basic Multilingual Plane for each general category, taken from rare scripts (from Yi on) so that no
/// pattern names it.
/// </summary>
internal static class CategoryStandIn
{
    private static readonly char[] Characters = Find();

    public static char Get(UnicodeCategory category) => Characters[(int)category];

    private static char[] Find()
    {
        var found = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
        Array.Fill(found, '\uA48D');
        var isFound = new bool[found.Length];
        foreach (var (first, last) in new[] { (0xA000, 0xABFF), (0xD7B0, 0xFFFF), (0x0100, 0x9FFF) })
        {
            for (var candidate = first; candidate <= last; candidate++)
            {
                var category = (int)char.GetUnicodeCategory((char)candidate);
                if (!isFound[category])
                {
                    isFound[category] = true;
                    found[category] = (char)candidate;
                }
            }
        }

        return found;
    }
}
