using System.CommandLine;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu.Measurement;
using KvCluster.Inference.Backends.Cuda.Measurement;
using KvCluster.Inference.Models;
using Spectre.Console;

namespace KvCluster.CommandLine.Bench;

/// <summary><c>kvcluster bench engine</c>.</summary>
internal static class EngineBenchCommand
{
    private const string About = """
        Measures prefill and decode of a model on this machine without any network, beside the machine's own peaks.

        Examples:
          kvcluster bench engine
          kvcluster bench engine --kv raw --kv int4 --model DIR
          kvcluster bench engine --kv int4 --sequences 32 --context 128
          kvcluster bench engine --backend cuda --synthetic llama3-8b --sequences 32 --context 4096    random weights on the GPU
        """;

    public static Command Create()
    {
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "A codec to measure; may be repeated (default: raw, int8 and int4)" };
        Option<int> sequences = new("--sequences") { HelpName = "N", Description = "Sequences decoded together", DefaultValueFactory = _ => 16 };
        Option<int> context = new("--context") { HelpName = "TOKENS", Description = "Context of each of them", DefaultValueFactory = _ => 256 };
        Option<string?> model = ModelOption.Create();
        Option<string> backend = BackendOption.Create();
        Option<string> synthetic = SyntheticOption.Create();
        Option<double> pageShare = new("--page-share")
        {
            HelpName = "SHARE",
            Description = "With cuda: of the memory that is free beside the weights, what KV gets",
            DefaultValueFactory = _ => DeviceOptions.DefaultPageShare,
        };
        var command = new Command("engine", About) { kv, sequences, context, model, backend, synthetic, pageShare };
        command.SetAction(parsed =>
        {
            string shape = SyntheticOption.Of(parsed.GetRequiredValue(synthetic), parsed.GetRequiredValue(backend));
            if (parsed.GetRequiredValue(backend) == "cuda")
            {
                var wanted = new CudaBenchmarkOptions
                {
                    Specs = parsed.GetValue(kv) is { Length: > 0 } named ? named : ["raw", "int8", "int4"],
                    PageShare = PageShareOf(parsed.GetRequiredValue(pageShare)),
                    BatchSizes = [.. new[] { 1, parsed.GetRequiredValue(sequences) }.Distinct()],
                    ContextTokenCount = parsed.GetRequiredValue(context) / KvGeometry.BlockTokenCount * KvGeometry.BlockTokenCount,
                };
                return RunOnGpu(shape.Length > 0 ? null : ModelOption.Resolve(parsed.GetValue(model)), shape, wanted);
            }

            var options = new EngineBenchmarkOptions
            {
                BatchSequenceCount = parsed.GetRequiredValue(sequences),
                BatchContextTokenCount = parsed.GetRequiredValue(context),
            };
            if (parsed.GetValue(kv) is { Length: > 0 } specs)
            {
                options = options with { Specs = specs };
            }

            using ModelFolder folder = ModelFolder.Open(ModelOption.Resolve(parsed.GetValue(model)));
            EngineBenchmarkResult result = EngineBenchmark.Run(folder, options, new StandardErrorProgress());
            Write(AnsiConsole.Console, options, result);
            return ExitCode.Done;
        });
        return command;
    }

    private static double PageShareOf(double share) =>
        share is > 0 and <= 1 ? share : throw new BadArgumentException($"--page-share: must be above 0 and at most 1, not {share}");

    private static int RunOnGpu(string? modelFolder, string shape, CudaBenchmarkOptions options)
    {
        if (options.ContextTokenCount < KvGeometry.BlockTokenCount)
        {
            throw new BadArgumentException($"--context: must be at least {KvGeometry.BlockTokenCount} with cuda");
        }

        using ModelFolder? folder = modelFolder is null ? null : ModelFolder.Open(modelFolder);
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("codec", "measure", "ms", "of which host, us");
        foreach (CudaBenchmarkRow row in CudaBenchmark.Run(folder, shape, options, new StandardErrorProgress()))
        {
            table.AddRow(
                Markup.Escape(row.Spec), Markup.Escape(row.Measure), row.WallTime.TotalMilliseconds.ToString("0.000"), row.HostTime.TotalMicroseconds.ToString("0"));
        }

        AnsiConsole.Console.Write(table);
        return ExitCode.Done;
    }

    private static void Write(IAnsiConsole console, EngineBenchmarkOptions options, EngineBenchmarkResult result)
    {
        Console.WriteLine(
            $"{result.WorkerCount} cores: {result.PeakFmaGflops:0} GFLOP/s of FMA and {result.PeakBandwidthGBps:0.0} GB/s of memory, measured; "
            + $"{result.ResidentSizeBytes / 1e6:0} MB resident with {options.MemoryContextTokenCount:N0} tokens of {options.Specs[0]} KV cached");
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumn("measure");
        foreach (CodecBenchmarkResult codec in result.Codecs)
        {
            table.AddColumn(new TableColumn(Markup.Escape(codec.Spec)).RightAligned());
        }

        Row($"prefill of {options.PromptTokenCount:N0} tokens, tok/s", codec => codec.PrefillTokensPerSecond.ToString("N0"));
        Row("  GFLOP/s", codec => codec.PrefillGflops.ToString("0.0"));
        Row("  share of the FMA peak", codec => codec.PrefillPercentOfPeak.ToString("0") + " %");
        Row("  encoding, share of its time", codec => codec.EncodePercentOfPrefill.ToString("0.0") + " %");
        Row($"decode at {options.PromptTokenCount:N0} tokens of context, tok/s", codec => codec.DecodeTokensPerSecond.ToString("N0"));
        Row($"decode of {options.BatchSequenceCount} sequences at {options.BatchContextTokenCount} tokens, tok/s in all", codec => codec.BatchDecodeTokensPerSecond.ToString("N0"));
        Row("KV bytes a token", codec => codec.SealedBytesPerToken.ToString("N0"));
        console.Write(table);

        void Row(string measure, Func<CodecBenchmarkResult, string> value) =>
            table.AddRow([Markup.Escape(measure), .. result.Codecs.Select(codec => Markup.Escape(value(codec)))]);
    }
}
