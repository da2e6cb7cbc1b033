namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>A choice in one line.</summary>
internal static class AutoLine
{
    public static string Of(AutoChoice choice) =>
        $"{choice.Asked}: {choice.Chosen} (ratio {choice.ReferenceRatio:0.00} at 4,096 tokens, keeps {100 * choice.AccuracyKept:0.0} % of raw)";
}
