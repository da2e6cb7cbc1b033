using System.CommandLine;
using KvCluster.CommandLine.Terminal;
using KvCluster.Gateway.HandOffs;
using Spectre.Console;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary><c>kvcluster bench handover</c>.</summary>
internal static class HandoverBenchCommand
{
    private const string About = """
        Measures the hand-over from prefill to decode through the whole cluster, with a link of given speed at every worker and the store: from the first token, when
        prefill has ended, to the first one decoded; through the store, and straight with the store written behind. What the prefill worker sends shares its
        link. At last the Gateway chooses by itself (--handoff auto). Then the time to first token of a prompt whose beginning is cached, beside that of a new one.

        Examples:
          kvcluster bench handover
          kvcluster bench handover --gbps 10 --tokens 2048 --kv zipcache
        """;

    /// <summary>Prompts by which the Gateway finds the faster way, a multiple of those of other rows.</summary>
    private const int AutoRounds = 3;

    public static Command Create()
    {
        Option<double> gbps = new("--gbps") { HelpName = "N", Description = "Speed of the link, gigabits a second each way", DefaultValueFactory = _ => 1 };
        Option<int> tokens = new("--tokens") { HelpName = "N", Description = "Tokens of a prompt", DefaultValueFactory = _ => 4096 };
        Option<int> rounds = new("--rounds") { HelpName = "N", Description = "Prompts of each measurement, of which the median counts", DefaultValueFactory = _ => 5 };
        Option<string> kv = KvOption.Create();
        Option<string?> model = ModelOption.Create();
        gbps.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() <= 0)
            {
                result.AddError("--gbps: must be over 0");
            }
        });
        tokens.AtLeast(256);
        rounds.AtLeast(1);
        var command = new Command("handover", About) { gbps, tokens, rounds, kv, model };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = new HandoverBenchOptions
            {
                ModelFolder = ModelOption.Resolve(parsed.GetValue(model)),
                KvSpec = KvOption.Canonical(parsed.GetRequiredValue(kv)),
                BitsPerSecond = 1e9 * parsed.GetRequiredValue(gbps),
                PromptTokenCount = parsed.GetRequiredValue(tokens),
                RoundCount = parsed.GetRequiredValue(rounds),
            };
            var benchmark = new HandoverBenchmark(options, new StandardErrorProgress());
            HandoverTiming whole = await MeasureAsync("raw", HandOffMode.Store, wholeAfterPrefill: true);
            (string Name, HandoverTiming Timing)[] rows =
            [
                ("raw, whole cache after prefill", whole),
                ("raw, layer by layer through the store", await MeasureAsync("raw", HandOffMode.Store)),
                ("raw, layer by layer, direct", await MeasureAsync("raw", HandOffMode.Direct)),
                ($"{options.KvSpec}, layer by layer through the store", await MeasureAsync(options.KvSpec, HandOffMode.Store)),
                ($"{options.KvSpec}, layer by layer, direct", await MeasureAsync(options.KvSpec, HandOffMode.Direct)),
            ];
            int autoCount = AutoRounds * options.RoundCount;
            HandoverTiming auto = await benchmark.MeasureAsync(options.KvSpec, HandOffMode.Auto, wholeAfterPrefill: false, autoCount, cancellationToken);
            (double cold, double warm) = await benchmark.MeasureWarmAsync(cancellationToken);
            Write(AnsiConsole.Console, options, [.. rows, ($"{options.KvSpec}, auto: {auto.DirectCount} of {autoCount} direct", auto)]);
            Console.WriteLine($"{options.KvSpec}, {options.PromptTokenCount:N0} tokens, time to first token: {cold:0} ms cold, {warm:0} ms warm, {cold / warm:0.0} times");
            return ExitCode.Done;

            Task<HandoverTiming> MeasureAsync(string kvSpec, HandOffMode handOff, bool wholeAfterPrefill = false) =>
                benchmark.MeasureAsync(kvSpec, handOff, wholeAfterPrefill, options.RoundCount, cancellationToken);
        });
        return command;
    }

    private static void Write(IAnsiConsole console, HandoverBenchOptions options, (string Name, HandoverTiming Timing)[] rows)
    {
        Console.WriteLine($"prompts of {options.PromptTokenCount:N0} tokens, {options.BitsPerSecond / 1e9:0.##} Gb/s each way, medians of {options.RoundCount}");
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("hand-over", "MB over the links", "prefill, ms", "from then to the first decoded token, ms", "ratio");
        foreach ((string name, HandoverTiming timing) in rows)
        {
            table.AddRow(
                Markup.Escape(name), (timing.LinkBytes / 1e6).ToString("0.0"), timing.FirstTokenMs.ToString("0"), timing.HandoverMs.ToString("0.0"),
                (rows[0].Timing.HandoverMs / timing.HandoverMs).ToString("0.0"));
        }

        console.Write(table);
    }
}
