namespace KvCluster.KvStore.Disk.Measurement;

/// <summary>Medians over the rounds; the tier and a plain file took turns. Every write ends with fsync; files are read after they left the page cache.</summary>
/// <param name="PutMBps">Blocks through the write queue into segments, 10^6 bytes a second.</param>
/// <param name="FileWriteMBps">The same sizes, one after the other, into one file.</param>
/// <param name="GetMBps">Blocks in random order, one at a time, verified.</param>
/// <param name="FileReadMBps">The same sizes, from a file at random places, into the same kind of buffers.</param>
/// <param name="CachedGetMBps">As <paramref name="GetMBps"/>, from the page cache.</param>
/// <param name="CachedFileReadMBps">As <paramref name="FileReadMBps"/>, from the page cache.</param>
/// <param name="FioWriteMBps">What fio writes, the same sizes; NaN where there is no fio.</param>
/// <param name="FioReadMBps">What fio reads from the device, in random order.</param>
/// <param name="Restart">From opening the folder to the first block read and verified.</param>
/// <param name="ScanRestart">The same after a crash that left every segment without its footer.</param>
/// <param name="RestartBlockCount">Blocks in that folder.</param>
public sealed record DiskBenchmarkResult(
    double PutMBps,
    double FileWriteMBps,
    double GetMBps,
    double FileReadMBps,
    double CachedGetMBps,
    double CachedFileReadMBps,
    double FioWriteMBps,
    double FioReadMBps,
    TimeSpan Restart,
    TimeSpan ScanRestart,
    int RestartBlockCount);
