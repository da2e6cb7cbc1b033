using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Sampling;

/// <summary>Vectors of the authors' Random123 library (kat_vectors).</summary>
public sealed class PhiloxTests
{
    [Fact]
    public void Block_KnownVectors_AreReproduced()
    {
        Assert.Equal((0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u), Philox.Block(0, 0, 0, 0, 0, 0));
        const uint ones = uint.MaxValue;
        Assert.Equal((0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu), Philox.Block(ones, ones, ones, ones, ones, ones));
        Assert.Equal(
            (0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u),
            Philox.Block(0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0));
    }

    [Fact]
    public void Uniform_SeedAndPosition_FixTheValue()
    {
        Assert.Equal(Philox.Uniform(5, 7), Philox.Uniform(5, 7));
        Assert.NotEqual(Philox.Uniform(5, 7), Philox.Uniform(5, 8));
        Assert.NotEqual(Philox.Uniform(5, 7), Philox.Uniform(5UL << 32, 7));
        Assert.All(Enumerable.Range(0, 10_000), position => Assert.InRange(Philox.Uniform(1, position), 0, 1 - double.Epsilon));
    }
}
