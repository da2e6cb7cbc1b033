using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>Rebuilds the index of a data folder from its segments, and ends those that a crash left open.</summary>
internal static class FolderLoader
{
    /// <exception cref="DataFolderException">A file can't be used; the message says which and what to do.</exception>
    public static DiskIndex Load(IDataFolder folder, RecordCodec codec, ColdCounters counters, ILogger logger)
    {
        var index = new DiskIndex();
        try
        {
            foreach (string name in folder.FileNames())
            {
                if (SegmentHeader.TryParseFileName(name, out long number))
                {
                    Run(folder, name, () => LoadSegment(folder, index, number, codec, counters, logger));
                }
            }
        }
        catch
        {
            foreach (Segment segment in index.Segments)
            {
                segment.File.Dispose();
            }

            throw;
        }

        return index;
    }

    private static void LoadSegment(
        IDataFolder folder, DiskIndex index, long number, RecordCodec codec, ColdCounters counters, ILogger logger)
    {
        string name = SegmentHeader.FileName(number);
        IDiskFile file = folder.Open(name);
        var segment = new Segment(number, file) { IsSealed = true };
        try
        {
            CheckVersion(folder, name, file);
            SegmentContent content = SegmentFooter.TryRead(file) ?? Mend(file, name, codec, counters, logger);
            segment.EndOffset = content.EndOffset;
            segment.SizeBytes = file.SizeBytes;
            if (content.Live.Count > 0)
            {
                index.Add(segment);
                foreach ((RecordEntry entry, int footerIndex) in content.Live)
                {
                    index.Add(segment, entry, footerIndex);
                }

                return;
            }
        }
        catch
        {
            if (!index.Segments.Contains(segment))
            {
                file.Dispose();
            }

            throw;
        }

        file.Dispose();
        folder.Delete(name);
    }

    /// <summary>Cuts what is torn off the end of a segment and writes its footer, so that the next start need not scan it.</summary>
    private static SegmentContent Mend(IDiskFile file, string name, RecordCodec codec, ColdCounters counters, ILogger logger)
    {
        SegmentContent scanned = SegmentScanner.Scan(file, codec);
        counters.Corrupt(scanned.DamagedCount);
        Log.SegmentScanned(logger, name, scanned.Live.Count, scanned.DamagedCount, file.SizeBytes - scanned.EndOffset);
        if (scanned.Live.Count == 0)
        {
            return scanned;
        }

        RecordEntry[] entries = [.. scanned.Live.Select(record => record.Entry)];
        file.Truncate(scanned.EndOffset);
        file.Write([SegmentFooter.Create(entries, scanned.EndOffset)], scanned.EndOffset);
        file.Flush();
        var mended = new SegmentContent(scanned.EndOffset, IsSealed: true);
        for (int i = 0; i < entries.Length; i++)
        {
            mended.Add(entries[i], i, isDropped: false);
        }

        return mended;
    }

    private static void CheckVersion(IDataFolder folder, string name, IDiskFile file)
    {
        byte[] header = new byte[SegmentHeader.SizeBytes];
        bool isWhole = file.Read([header], 0) == header.Length && SegmentHeader.IsIntact(header);
        if (isWhole && SegmentHeader.VersionOf(header) is < 1 or > SegmentHeader.MaxVersion)
        {
            throw new DataFolderException(
                $"{Path.Combine(folder.Path, name)} has format version {SegmentHeader.VersionOf(header)}, and this KvStore reads versions 1 to {SegmentHeader.MaxVersion}: "
                + "start the version that wrote it, or delete the file (its blocks are computed again).");
        }
    }

    private static void Run(IDataFolder folder, string name, Action load)
    {
        try
        {
            load();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DataFolderException(
                $"{Path.Combine(folder.Path, name)} can't be read or mended: {error.Message} "
                + "Check the disk, and that this user may write to the file; or delete the file (its blocks are computed again).", error);
        }
    }
}
