namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Flips random bits of what passes by, from flip to flip as far as chance has it. Thread-safe.</summary>
internal sealed class BitFlips(Random random, double flipsAByte)
{
    private readonly Lock _lock = new();
    private int _count;
    private int _gap;

    /// <summary>Bits flipped so far.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Apply(Span<byte> bytes)
    {
        lock (_lock)
        {
            for (; _gap < bytes.Length; _gap += 1 + (int)(-Math.Log(1 - random.NextDouble()) / flipsAByte))
            {
                bytes[_gap] ^= (byte)(1 << random.Next(8));
                _count++;
            }

            _gap -= bytes.Length;
        }
    }
}
