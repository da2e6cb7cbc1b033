using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Isolation;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.KvStore.Disk.Inspection;

/// <summary>Reads a data folder that no store uses, and changes nothing in it.</summary>
public static class FolderInspector
{
    /// <summary>One report a segment, in the order written.</summary>
    /// <param name="path">The data folder.</param>
    /// <param name="verifies">Whether every block is read and verified, sealed ones by their checksum; otherwise only footers are read, where there are any.</param>
    /// <exception cref="HostStartException">There is no such folder, or a store uses it.</exception>
    public static IEnumerable<SegmentReport> Inspect(string path, bool verifies)
    {
        if (!Directory.Exists(path))
        {
            throw new HostStartException($"there is no folder {path}", HostStartException.BadSettings);
        }

        using DataFolder folder = Acquire(path);
        foreach (string name in folder.FileNames())
        {
            if (SegmentHeader.TryParseFileName(name, out long number))
            {
                yield return Inspect(Path.Combine(folder.Path, name), name, number, verifies);
            }
        }
    }

    private static DataFolder Acquire(string path)
    {
        try
        {
            return DataFolder.Acquire(path);
        }
        catch (DataFolderException error)
        {
            throw new HostStartException(error.Message, innerException: error);
        }
    }

    private static SegmentReport Inspect(string path, string name, long number, bool verifies)
    {
        var problems = new List<string>();
        var codec = new RecordCodec(SlabPool.Shared, RecordCipher.None);
        using var file = new DiskFile(path, FileMode.Open, FileAccess.Read);
        CheckHeader(file, number, problems);
        SegmentContent? sealedContent = SegmentFooter.TryRead(file);
        SegmentContent content = sealedContent ?? SegmentScanner.Scan(file, codec);
        int blockCount = content.Live.Count;
        if (sealedContent is null)
        {
            problems.Add("it has no whole footer: a crash left it open, or its end is damaged; the next start of a store mends it");
            if (content.DamagedCount > 0)
            {
                problems.Add($"{content.DamagedCount} blocks are damaged");
            }

            if (content.EndOffset < file.SizeBytes)
            {
                problems.Add($"the {file.SizeBytes - content.EndOffset} bytes after byte {content.EndOffset} are no block");
            }
        }
        else if (verifies)
        {
            foreach ((RecordEntry entry, _) in content.Live)
            {
                RecordRead read = codec.Read(file, entry);
                using ColdBlock? block = read.Block;
                if (read.Fault == RecordFault.Damaged)
                {
                    blockCount--;
                    problems.Add($"block {entry.BlockId} at byte {entry.Offset} is damaged");
                }
            }
        }

        long blockBytes = content.Live.Sum(record => (long)record.Entry.LengthBytes);
        return new SegmentReport(name, file.SizeBytes, sealedContent is not null, blockCount, blockBytes, content.DroppedCount, problems);
    }

    private static void CheckHeader(DiskFile file, long number, List<string> problems)
    {
        byte[] header = new byte[SegmentHeader.SizeBytes];
        if (file.Read([header], 0) != header.Length || !SegmentHeader.IsIntact(header))
        {
            problems.Add("its header is damaged; its blocks are found without it");
        }
        else if (SegmentHeader.VersionOf(header) is < 1 or > SegmentHeader.MaxVersion)
        {
            problems.Add($"it has format version {SegmentHeader.VersionOf(header)}, and this program reads versions 1 to {SegmentHeader.MaxVersion}: no store of this version starts on it");
        }
        else if (SegmentHeader.NumberOf(header) != number)
        {
            problems.Add($"it was written as segment {SegmentHeader.NumberOf(header)} and renamed");
        }
    }
}
