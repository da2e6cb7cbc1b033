using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Watches streamed text for stop strings, holding back what may yet become one. The match is the one complete first, the
/// longest of those; the text before it is given out, it and what follows are not. Knuth-Morris-Pratt for each stop string,
/// so the work per character does not depend on what came before.
/// </summary>
public sealed class StopStringMatcher
{
    private readonly string[] _stops;
    private readonly int[][] _fallbacks;

    /// <summary>How much of each stop string the text ends with.</summary>
    private readonly int[] _matched;
    private readonly StringBuilder _held = new();

    /// <param name="stopStrings">Not empty texts; none at all lets everything through.</param>
    public StopStringMatcher(IReadOnlyList<string> stopStrings)
    {
        ArgumentNullException.ThrowIfNull(stopStrings);
        if (stopStrings.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("A stop string is empty.", nameof(stopStrings));
        }

        _stops = [.. stopStrings];
        _fallbacks = [.. _stops.Select(BuildFallback)];
        _matched = new int[_stops.Length];
    }

    /// <summary>The stop string found; null until then.</summary>
    public string? MatchedStop { get; private set; }

    /// <summary>The text that may be given out now. After a match nothing comes any more.</summary>
    public string Push(string delta)
    {
        ArgumentNullException.ThrowIfNull(delta);
        if (MatchedStop is not null)
        {
            return "";
        }

        if (_stops.Length == 0)
        {
            return delta;
        }

        foreach (var c in delta)
        {
            _held.Append(c);
            if (Advance(c) is { } stop)
            {
                MatchedStop = stop;
                return Take(_held.Length - stop.Length);
            }
        }

        return Take(_held.Length - _matched.Max());
    }

    /// <summary>At the end of generation: what was held back for a stop string that did not come.</summary>
    public string Flush()
    {
        if (MatchedStop is not null)
        {
            return "";
        }

        Array.Clear(_matched);
        return Take(_held.Length);
    }

    /// <summary>For each length of a match, how much of it also is a shorter match.</summary>
    private static int[] BuildFallback(string stop)
    {
        var fallback = new int[stop.Length + 1];
        for (var i = 1; i < stop.Length; i++)
        {
            fallback[i + 1] = Next(stop, fallback, fallback[i], stop[i]);
        }

        return fallback;
    }

    private static int Next(string stop, int[] fallback, int matched, char c)
    {
        while (matched > 0 && stop[matched] != c)
        {
            matched = fallback[matched];
        }

        return stop[matched] == c ? matched + 1 : 0;
    }

    private string? Advance(char c)
    {
        string? longest = null;
        for (var i = 0; i < _stops.Length; i++)
        {
            _matched[i] = Next(_stops[i], _fallbacks[i], _matched[i], c);
            if (_matched[i] == _stops[i].Length && _stops[i].Length > (longest?.Length ?? 0))
            {
                longest = _stops[i];
            }
        }

        return longest;
    }

    private string Take(int count)
    {
        var text = _held.ToString(0, count);
        _held.Remove(0, count);
        return text;
    }
}
