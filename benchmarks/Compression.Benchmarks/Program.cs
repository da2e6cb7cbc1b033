using KvCluster.Compression.Benchmarks;

// With arguments, only the named parts run: checksum, tile, codec.
var parts = new (string Name, Action Run)[]
{
    ("checksum", ChecksumBenchmark.Run),
    ("tile", TileBenchmark.Run),
    ("codec", CodecBenchmark.Run),
};
foreach ((string name, Action run) in parts)
{
    if (args.Length == 0 || args.Contains(name))
    {
        run();
    }
}
