using System.Globalization;
using KvCluster.Inference.Calibration;
using Spectre.Console;

namespace KvCluster.CommandLine.Calibrate;

/// <summary>The report of a calibration on the terminal: one row a layer.</summary>
internal static class CalibrationTable
{
    private const int LeastWidth = 160;

    public static void Write(IAnsiConsole console, CalibrationResult result)
    {
        // A file or pipe has no width, and 80 columns would break every cell.
        console.Profile.Width = Math.Max(console.Profile.Width, LeastWidth);
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Profile.Spec}: {result.TokenCount:N0} tokens observed"));
        if (result.SearchNote.Length > 0)
        {
            console.WriteLine(result.SearchNote);
        }

        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(
            "layer", "K directions of 90 / 99 %", "V directions of 90 / 99 %", "K ranks", "V ranks", "K bits", "V bits", "K lost", "V lost");
        for (int layer = 0; layer < result.Layers.Count; layer++)
        {
            LayerReport report = result.Layers[layer];
            table.AddRow(
                Text(layer, "0"),
                Spectrum(report.KeySpectrum),
                Spectrum(report.ValueSpectrum),
                string.Join(' ', report.KeyRanks),
                string.Join(' ', report.ValueRanks),
                Text(report.KeyBits, "0.00"),
                Text(report.ValueBits, "0.00"),
                Text(100 * report.KeyError, "0.00") + " %",
                Text(100 * report.ValueError, "0.00") + " %");
        }

        console.Write(table);
    }

    private static string Spectrum((double Of90, double Of99) directions) =>
        directions.Of99 == 0 ? "-" : $"{Text(directions.Of90, "0.0")} / {Text(directions.Of99, "0.0")}";

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
