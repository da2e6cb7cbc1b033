using System.Runtime.InteropServices;
using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Form C as in Unicode Standard Annex 15: decompose, order marks by class, compose.</summary>
internal static class CanonicalComposition
{
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TrailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TrailCount;

    public static string Compose(string text, CanonicalData data)
    {
        var codePoints = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, data, codePoints);
        }

        OrderMarks(CollectionsMarshal.AsSpan(codePoints), data);
        var composed = ComposePairs(CollectionsMarshal.AsSpan(codePoints), data);
        var result = new StringBuilder(text.Length);
        Span<char> buffer = stackalloc char[2];
        foreach (var codePoint in CollectionsMarshal.AsSpan(codePoints)[..composed])
        {
            result.Append(buffer[..new Rune(codePoint).EncodeToUtf16(buffer)]);
        }

        return result.ToString();
    }

    private static void Decompose(int codePoint, CanonicalData data, List<int> output)
    {
        var syllable = codePoint - SyllableBase;
        if (syllable is >= 0 and < SyllableCount)
        {
            output.Add(LeadBase + (syllable / (VowelCount * TrailCount)));
            output.Add(VowelBase + (syllable % (VowelCount * TrailCount) / TrailCount));
            if (syllable % TrailCount != 0)
            {
                output.Add(TrailBase + (syllable % TrailCount));
            }
        }
        else if (data.TryDecompose(codePoint, out var parts))
        {
            Decompose(parts.First, data, output);
            if (parts.Second != 0)
            {
                output.Add(parts.Second);
            }
        }
        else
        {
            output.Add(codePoint);
        }
    }

    private static void OrderMarks(Span<int> codePoints, CanonicalData data)
    {
        var start = 0;
        while (start < codePoints.Length)
        {
            if (data.GetClass(codePoints[start]) == 0)
            {
                start++;
                continue;
            }

            var end = start + 1;
            while (end < codePoints.Length && data.GetClass(codePoints[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                // LINQ's sort is stable and stays fast for text made of nothing but marks.
                codePoints[start..end].ToArray().OrderBy(data.GetClass).ToArray().CopyTo(codePoints[start..end]);
            }

            start = end;
        }
    }

    /// <summary>Composes in place and returns the new length.</summary>
    private static int ComposePairs(Span<int> codePoints, CanonicalData data)
    {
        var count = 0;
        var starter = -1;
        var lastClass = 0;
        foreach (var codePoint in codePoints)
        {
            var combiningClass = data.GetClass(codePoint);

            // A mark is blocked from the starter by one of the same or a higher class between them.
            var isAdjacent = starter == count - 1;
            if (starter >= 0 && (isAdjacent || (lastClass < combiningClass && lastClass != 0))
                && TryComposePair(codePoints[starter], codePoint, data, out var composed))
            {
                codePoints[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = count;
            }

            lastClass = combiningClass;
            codePoints[count++] = codePoint;
        }

        return count;
    }

    private static bool TryComposePair(int first, int second, CanonicalData data, out int composed)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            composed = SyllableBase + ((((first - LeadBase) * VowelCount) + (second - VowelBase)) * TrailCount);
            return true;
        }

        var syllable = first - SyllableBase;
        if (syllable is >= 0 and < SyllableCount && syllable % TrailCount == 0 && second is > TrailBase and < TrailBase + TrailCount)
        {
            composed = first + (second - TrailBase);
            return true;
        }

        return data.TryCompose(first, second, out composed);
    }
}
