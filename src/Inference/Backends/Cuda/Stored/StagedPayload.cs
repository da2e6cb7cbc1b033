using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>
/// What attention reads of a payload for one latent head, brought together: spans that it copies to shared memory, and a table whose offsets are those there.
/// </summary>
internal sealed class StagedPayload
{
    /// <summary>Of an asynchronous copy.</summary>
    private const int CopyBytes = 16;

    private readonly StagedSpan[][] _spans;

    /// <param name="table">With offsets in payloads.</param>
    public StagedPayload(PayloadTable table)
    {
        _spans = [.. table.Heads.Select(head => Place([.. Ranges(head)]))];
        Table = table with { Heads = [.. table.Heads.Select((head, i) => Move(head, _spans[i]))] };
    }

    /// <summary>With offsets in shared memory.</summary>
    public PayloadTable Table { get; }

    /// <summary>By head.</summary>
    public IReadOnlyList<IReadOnlyList<StagedSpan>> Spans => _spans;

    /// <summary>Shared memory for the head that needs most.</summary>
    public int SizeBytes => _spans.Max(spans => spans[^1].To + spans[^1].SizeBytes);

    private static IEnumerable<(int Start, int End)> Ranges(StoredHead head)
    {
        foreach (CodeRun run in head.Keys.Concat(head.Values))
        {
            int parameters = sizeof(ushort) * (run.Parameters == CodeParameters.Token ? run.TokenCount : run.ChannelCount);
            yield return (run.Offset, run.Offset + (run.ChannelCount * run.TokenCount * run.BitCount / 8));
            if (run.Parameters != CodeParameters.None)
            {
                yield return (run.ScaleOffset, run.ScaleOffset + parameters);
                yield return (run.ZeroOffset, run.ZeroOffset + parameters);
            }

            if (run.StepOffset >= 0)
            {
                yield return (run.StepOffset, run.StepOffset + ((run.FirstChannel + run.ChannelCount) / 2));
                yield return (run.GreatestOffset, run.GreatestOffset + 1);
            }
        }

        foreach (StoredResidual residual in new[] { head.KeyResidual, head.ValueResidual }.OfType<StoredResidual>())
        {
            yield return (residual.ScaleOffset, residual.OutlierCodeOffset + residual.SlotCount);
        }
    }

    /// <summary>Whole pieces of 16 bytes, each once.</summary>
    private static StagedSpan[] Place((int Start, int End)[] ranges)
    {
        var spans = new List<StagedSpan>();
        foreach ((int start, int end) in ranges.Where(range => range.End > range.Start).Order())
        {
            int from = start & -CopyBytes, until = (end + CopyBytes - 1) & -CopyBytes;
            if (spans.Count > 0 && from <= spans[^1].From + spans[^1].SizeBytes)
            {
                StagedSpan last = spans[^1];
                spans[^1] = last with { SizeBytes = Math.Max(last.SizeBytes, until - last.From) };
                continue;
            }

            int to = spans.Count == 0 ? 0 : spans[^1].To + spans[^1].SizeBytes;
            spans.Add(new StagedSpan(from, to, until - from));
        }

        return [.. spans];
    }

    private static StoredHead Move(StoredHead head, StagedSpan[] spans)
    {
        return head with
        {
            Keys = [.. head.Keys.Select(MoveRun)],
            Values = [.. head.Values.Select(MoveRun)],
            KeyResidual = MoveResidual(head.KeyResidual),
            ValueResidual = MoveResidual(head.ValueResidual),
        };

        int At(int offset) => offset < 0 ? offset : Array.Find(spans, span => offset >= span.From && offset < span.From + span.SizeBytes) is { SizeBytes: > 0 } span
            ? offset - span.From + span.To
            : throw new InvalidOperationException($"Offset {offset} of a payload is not staged.");

        CodeRun MoveRun(CodeRun run) => run with
        {
            Offset = At(run.Offset),
            ScaleOffset = At(run.ScaleOffset),
            ZeroOffset = At(run.ZeroOffset),
            StepOffset = At(run.StepOffset),
            GreatestOffset = At(run.GreatestOffset),
        };

        // A residual is staged as a whole.
        StoredResidual? MoveResidual(StoredResidual? residual)
        {
            if (residual is null || residual.OutlierCodeOffset + residual.SlotCount == residual.ScaleOffset)
            {
                return residual;
            }

            int by = At(residual.ScaleOffset) - residual.ScaleOffset;
            return residual with
            {
                ScaleOffset = residual.ScaleOffset + by,
                LeftOffset = residual.LeftOffset + by,
                RightOffset = residual.RightOffset + by,
                OutlierScaleOffset = residual.OutlierScaleOffset + by,
                GapOffset = residual.GapOffset + by,
                OutlierCodeOffset = residual.OutlierCodeOffset + by,
            };
        }
    }
}
