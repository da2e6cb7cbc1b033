using KvCluster.Compression.Blocks;

namespace KvCluster.CommandLine.Inspect;

/// <summary>A slab in words.</summary>
internal static class SlabDescription
{
    /// <returns>What is wrong with the slab, which is printed too.</returns>
    public static SlabError Write(TextWriter output, ReadOnlySpan<byte> slab)
    {
        SlabError error = Slab.TryRead(slab, out SlabHeader header);
        output.WriteLine($"size             {slab.Length:N0} bytes");
        if (error is SlabError.None or SlabError.PayloadChecksum)
        {
            Write(output, header);
        }

        output.WriteLine($"verification     {(error is SlabError.None ? "header and payload checksums are right" : error.Message())}");
        return error;
    }

    private static void Write(TextWriter output, SlabHeader header)
    {
        var shape = new KvGeometry(1, header.KvHeadCount, header.HeadSize);
        double ratio = (double)shape.TokenSizeBytes * header.TokenCount / (header.PayloadSizeBytes + Slab.HeaderSizeBytes);
        output.WriteLine($"block            {header.BlockId}");
        output.WriteLine($"layer            {header.Layer}");
        output.WriteLine($"positions        {header.FirstPosition} to {header.FirstPosition + header.TokenCount - 1} ({header.TokenCount} tokens)");
        output.WriteLine($"KV heads         {header.KvHeadCount} of {header.HeadSize} channels");
        output.WriteLine($"layout           {header.Layout.ToString().ToLowerInvariant()}");
        output.WriteLine($"model            {header.ModelFingerprint:x16}");
        output.WriteLine($"codec            {header.CodecFingerprint:x16}");
        output.WriteLine($"writer epoch     {header.WriterEpoch}");
        output.WriteLine($"payload          {header.PayloadSizeBytes:N0} bytes, {ratio:0.00} times smaller than 16 bit, header included");
    }
}
