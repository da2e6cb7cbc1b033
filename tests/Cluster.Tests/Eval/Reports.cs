using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.CommandLine.Eval.Diagnosis;
using KvCluster.CommandLine.Eval.SecondQuestions;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>Reports made by hand.</summary>
internal static class Reports
{
    public const string HostileTask = "<script>alert(1)</script>|\u001b[31m&\"'\u0001\ud800";

    public const string HostileSpec = "</svg><img src=x onerror=alert(2)>&amp;]]>";

    public static EvalReport Of(params (string Spec, double BytesPerToken, double Accuracy)[] specs) => new()
    {
        Data = "data.jsonl",
        Model = "model",
        RawBytesPerToken = 16384,
        Specs = [.. specs.Select(spec => Result(spec.Spec, spec.BytesPerToken, spec.Accuracy))],
    };

    public static EvalReport Full() => Of(("raw", 16400, 1), ("int4", 4304, 0.99)) with
    {
        Auto =
        [
            new AutoChoice
            {
                Asked = "auto(accuracy=0.99)",
                AccuracyBound = 0.99,
                Chosen = "int4",
                ReferenceRatio = 3.81,
                AccuracyKept = 0.99,
                Trials = [new AutoTrial("int4", 3.81, AutoVerdict.Chosen) { KlDivergence = 0.001, SampleKept = 1, AccuracyKept = 0.99 }],
            },
        ],
    };

    private static SpecResult Result(string spec, double bytesPerToken, double accuracy) => new()
    {
        KvSpec = spec,
        Tasks = [new TaskResult(HostileTask, 10, 9, accuracy, 0.01)],
        MeanAccuracy = accuracy,
        AccuracyKept = accuracy,
        MeanNll = 0.01,
        BytesPerToken = bytesPerToken,
        Ratio = 16384 / bytesPerToken,
        ReferenceBytesPerToken = bytesPerToken,
        ReferenceRatio = 16384 / bytesPerToken,
        TokensMoved = 1000,
        BytesMoved = 1_000_000,
        RowCount = 10,
        WallSeconds = 1,
        Diagnosis = new SpecDiagnosis
        {
            RowCount = 1,
            DistributionCount = 7,
            KlDivergence = 0.001,
            SameTokenShare = 1,
            AttentionErrors = [0.1, 0.3],
            Timing = new CodecTiming { ContextTokenCount = 4096, EncodeMicrosecondsPerToken = 2, AttentionMicroseconds = 50, RawAttentionMicroseconds = 100, AttentionTimeOfRaw = 0.5 },
        },
        SecondQuestion = new SecondQuestionResult
        {
            DocumentCount = 3,
            FirstAccuracy = 1,
            SecondAccuracy = 0.5,
            AloneAccuracy = 1,
            CachedShare = 0.9,
            LeastCachedTokens = 512,
        },
    };
}
