using KvCluster.Compression.Benchmarks;

// With arguments, only the named parts run: checksum, tile, codec; after codec, specs to compare with raw.
var parts = new (string Name, Action Run)[]
{
    ("checksum", ChecksumBenchmark.Run),
    ("tile", TileBenchmark.Run),
    ("codec", () => CodecBenchmark.Run(args.Length > 1 ? args[1..] : [])),
};
foreach ((string name, Action run) in parts)
{
    if (args.Length == 0 || args.Contains(name))
    {
        run();
    }
}
