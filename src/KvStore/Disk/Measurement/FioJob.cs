using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace KvCluster.KvStore.Disk.Measurement;

/// <summary>One job of <c>fio</c>, the usual measure of a file system: one block at a time, as the tier is asked.</summary>
/// <param name="folder">Where its file is.</param>
/// <param name="blockSizeBytes">Bytes of one read or write.</param>
/// <param name="blockCount">Blocks of the file.</param>
internal sealed class FioJob(string folder, long blockSizeBytes, int blockCount)
{
    private const string FileName = "fio";

    /// <summary>Sequential writes with one fsync at the end, 10^6 bytes a second; NaN without fio.</summary>
    public Task<double> WriteAsync() => RunAsync("write", "--end_fsync=1", "--fallocate=none");

    /// <summary>Reads in random order of what <see cref="WriteAsync"/> wrote, from the device.</summary>
    public Task<double> ReadAsync() => RunAsync("read", "--invalidate=1");

    public void DeleteFile() => File.Delete(Path.Combine(folder, FileName));

    private async Task<double> RunAsync(string direction, params string[] options)
    {
        var start = new ProcessStartInfo("fio") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "--name=kvcluster", $"--directory={folder}", $"--filename={FileName}", $"--rw={(direction == "write" ? "write" : "randread")}", $"--bs={blockSizeBytes}",
            $"--size={blockSizeBytes * blockCount}", "--ioengine=psync", "--output-format=json", .. options,
        ];
        Array.ForEach(arguments, start.ArgumentList.Add);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return double.NaN;
        }

        using (process)
        {
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string report = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"fio failed: {await errors}");
            }

            using JsonDocument json = JsonDocument.Parse(report);
            JsonElement job = json.RootElement.GetProperty("jobs")[0];

            // Of a job that ends with fsync, the rate of writes leaves out the fsync; the job's time has it.
            return blockSizeBytes * blockCount / 1e3 / job.GetProperty("job_runtime").GetDouble();
        }
    }
}
