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
    /// <param name="encryptionKeys">As in the KvStore's option of that name: with its key a sealed block is verified whole.</param>
    /// <exception cref="HostStartException">There is no such folder, a store uses it, or the keys are wrong.</exception>
    public static IEnumerable<SegmentReport> Inspect(string path, bool verifies, string encryptionKeys = "")
    {
        RecordCodec codec = CodecOf(encryptionKeys);
        using DataFolder folder = Acquire(path);
        foreach (string name in folder.FileNames())
        {
            if (SegmentHeader.TryParseFileName(name, out long number))
            {
                yield return Inspect(Path.Combine(folder.Path, name), name, number, verifies, codec);
            }
        }
    }

    /// <summary>The block's newest record; null when there is none.</summary>
    /// <param name="path">The data folder.</param>
    /// <param name="id">The block.</param>
    /// <param name="encryptionKeys">As in the KvStore's option of that name.</param>
    /// <exception cref="HostStartException">There is no such folder, a store uses it, or the keys are wrong.</exception>
    public static FoundBlock? Find(string path, BlockId id, string encryptionKeys = "")
    {
        RecordCodec codec = CodecOf(encryptionKeys);
        using DataFolder folder = Acquire(path);
        foreach (string name in folder.FileNames().Where(name => SegmentHeader.TryParseFileName(name, out _)).OrderDescending(StringComparer.Ordinal))
        {
            using var file = new DiskFile(Path.Combine(folder.Path, name), FileMode.Open, FileAccess.Read);
            SegmentContent content = SegmentFooter.TryRead(file) ?? SegmentScanner.Scan(file, codec);
            RecordEntry? entry = content.Live.Select(record => (RecordEntry?)record.Entry).LastOrDefault(entry => entry!.Value.BlockId == id);
            if (entry is { } found)
            {
                return Read(file, name, found, codec);
            }
        }

        return null;
    }

    private static FoundBlock Read(DiskFile file, string name, in RecordEntry entry, RecordCodec codec)
    {
        RecordRead read = codec.Read(file, entry);
        using ColdBlock? block = read.Block;
        string? problem = read.Fault switch
        {
            RecordFault.None => null,
            RecordFault.KeyUnknown => $"it is sealed with key {read.KeyFingerprint:x16}, which is not among the encryption keys given",
            _ => "it is damaged",
        };
        return new FoundBlock(
            name, entry.Offset, entry.LengthBytes, problem, [.. block?.Slabs.Select(slab => (ReadOnlyMemory<byte>)slab.Span.ToArray()) ?? []]);
    }

    private static RecordCodec CodecOf(string encryptionKeys) => EncryptionKeys.TryParse(encryptionKeys, out EncryptionKeys? keys, out string? fault)
        ? new RecordCodec(SlabPool.Shared, new RecordCipher(keys))
        : throw new HostStartException($"encryption keys: {fault}", HostStartException.BadSettings);

    private static DataFolder Acquire(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new HostStartException($"there is no folder {path}", HostStartException.BadSettings);
        }

        try
        {
            return DataFolder.Acquire(path);
        }
        catch (DataFolderException error)
        {
            throw new HostStartException(error.Message, innerException: error);
        }
    }

    private static SegmentReport Inspect(string path, string name, long number, bool verifies, RecordCodec codec)
    {
        var problems = new List<string>();
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
