using System.Diagnostics;

namespace KvCluster.Compression.Benchmarks;

/// <summary>Best of many short runs: other processes only ever make a run slower.</summary>
internal static class Stopclock
{
    private const int Repeats = 100;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(200);

    /// <returns>Nanoseconds a call.</returns>
    public static double Measure(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < WarmUp)
        {
            action();
        }

        int calls = 1;
        while (Time(action, calls) < 3e5 && calls < 1 << 24)
        {
            calls *= 2;
        }

        double best = double.MaxValue;
        for (int i = 0; i < Repeats; i++)
        {
            best = Math.Min(best, Time(action, calls) / calls);
        }

        return best;
    }

    public static void Print(string what, double nanoseconds, double amount, string unit) =>
        Console.WriteLine($"{what,-44} {nanoseconds,10:F1} ns {amount / nanoseconds,10:F2} {unit}");

    private static double Time(Action action, int calls)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++)
        {
            action();
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }
}
