using System.CommandLine;
using System.Globalization;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;
using Spectre.Console;

namespace KvCluster.CommandLine.Calibrate;

/// <summary><c>kvcluster calibrate</c>.</summary>
internal static class CalibrateCommand
{
    private const string About = """
        Makes the Profile that a codec needs: runs the model over text, finds the bases and ranks, and writes them to a file.
        A Profile is found by its contents in the folder 'profiles' in the model's folder or beside it.

        Examples:
          kvcluster calibrate --kv "kvheads(keep=0.5)" --out models/demo/profiles/kvheads-0.5.safetensors
          kvcluster calibrate --model DIR --kv "zack(accuracy=0.99)+int4" --data text.jsonl --validation prompts.jsonl --out DIR/profiles/zack.safetensors
        """;

    public static Command Create()
    {
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "A codec; its stages that need a Profile are calibrated. May be repeated", Required = true };
        Option<string> output = new("--out") { HelpName = "FILE", Description = "The Profile to write, packed when it ends in .gz, or for several specs a folder; files there are replaced", Required = true };
        Option<string?> data = new("--data") { HelpName = "FILE", Description = "JSON lines of text, packed with gzip or not (default: calibration.jsonl or calibration.jsonl.gz beside the model)" };
        Option<string?> validation = new("--validation")
        {
            HelpName = "FILE",
            Description = "JSON lines of prompt and reference, for specs with an accuracy bound (default: validation.jsonl or validation.jsonl.gz beside the model)",
        };
        Option<int?> limit = new("--limit") { HelpName = "N", Description = "Most texts, and most prompts of each task" };
        Option<string?> model = ModelOption.Create();
        limit.AtLeast(1);
        var command = new Command("calibrate", About) { kv, output, data, validation, limit, model };
        command.SetAction((parsed, cancellationToken) => Task.Run(
            () =>
            {
                string folder = ModelOption.Resolve(parsed.GetValue(model));
                return Run(
                    folder,
                    parsed.GetRequiredValue(kv),
                    parsed.GetRequiredValue(output),
                    parsed.GetValue(data) ?? Beside(folder, "calibration.jsonl"),
                    parsed.GetValue(validation) ?? Beside(folder, "validation.jsonl"),
                    parsed.GetValue(limit),
                    cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static int Run(
        string modelFolder, string[] specs, string output, string data, string validation, int? limit, CancellationToken cancellationToken)
    {
        string[] profileSpecs = [.. specs.Select(spec => CodecRegistry.ProfileSpec(spec)
            ?? throw new BadArgumentException($"--kv: no stage of '{spec}' needs a Profile"))];
        bool isFolder = Directory.Exists(output);
        if (specs.Length > 1 && !isFolder)
        {
            throw new BadArgumentException($"--out: with several specs it must be a folder; there is no folder '{output}'");
        }

        if (Path.GetDirectoryName(Path.GetFullPath(output)) is { } target && !Directory.Exists(target))
        {
            throw new BadArgumentException($"--out: there is no folder '{target}'");
        }

        IReadOnlyList<string> texts = [.. CalibrationText.ReadTexts(data).Take(limit ?? int.MaxValue)];
        IReadOnlyList<AnsweredPrompt> prompts = profileSpecs.Any(Calibrator.NeedsPrompts)
            ? [.. CalibrationText.ReadPrompts(validation).GroupBy(prompt => prompt.Task).SelectMany(task => task.Take(limit ?? int.MaxValue))]
            : [];
        using ModelFolder folder = ModelFolder.Open(modelFolder);
        IReadOnlyList<CalibrationResult> results = Bars().Start(bars =>
            new Calibrator(folder, new ProgressBars(bars), cancellationToken).RunAll(profileSpecs, texts, prompts));
        foreach (CalibrationResult result in results)
        {
            string file = isFolder ? Path.Combine(output, FileName(result.Profile.Spec)) : output;
            ProfileFile.Save(file, result.Profile, Notes(result, data));
            CalibrationTable.Write(AnsiConsole.Console, result);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{file}: {new FileInfo(file).Length:N0} bytes, fingerprint {result.Profile.ToProfile().Fingerprint:x16}"));
        }

        return ExitCode.Done;
    }

    private static string FileName(string spec) =>
        spec.Replace("(", "-").Replace(",", "-").Replace("=", "-").Replace("+", "-").Replace(")", "")
        + ProfileFile.Extension + DataFile.PackedExtension;

    private static Dictionary<string, string> Notes(CalibrationResult result, string data) => new()
    {
        ["calibration_data"] = Path.GetFileName(data),
        ["calibration_tokens"] = result.TokenCount.ToString(CultureInfo.InvariantCulture),
        ["key_error"] = Average(result, layer => layer.KeyError),
        ["value_error"] = Average(result, layer => layer.ValueError),
        ["search"] = result.SearchNote,
    };

    private static string Average(CalibrationResult result, Func<LayerReport, double> value) =>
        result.Layers.Average(value).ToString("0.######", CultureInfo.InvariantCulture);

    private static string Beside(string modelFolder, string name) =>
        DataFile.Locate(Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(modelFolder))) ?? "", name));

    /// <summary>Bars go to stderr, so that the report on stdout can be piped.</summary>
    private static Progress Bars() =>
        new Progress(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) })).Columns(
            new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn());
}
