using System.Collections.Immutable;
using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Reads the tensors of a Profile and checks that a codec can be built from them.</summary>
internal sealed class ProfileTensors(SafetensorsFile file, KvGeometry geometry)
{
    public IReadOnlyList<GroupBasis> ReadLayer(int layer)
    {
        var groups = new List<GroupBasis>();
        var seen = new HashSet<int>();
        while (seen.Count < geometry.KvHeadCount)
        {
            string prefix = $"layers.{layer}.groups.{groups.Count}.";
            int[] heads = [.. Read(prefix + "heads", required: true).Select(head => ToInteger(head, prefix + "heads", geometry.KvHeadCount - 1))];
            if (heads.Length == 0 || !heads.All(seen.Add))
            {
                throw Broken(prefix + "heads", "names a KV head twice, or none");
            }

            int channels = heads.Length * geometry.HeadSize;
            groups.Add(new GroupBasis(heads, ReadSide(prefix + "key.", channels), ReadSide(prefix + "value.", channels)));
        }

        return groups;
    }

    private SideBasis ReadSide(string prefix, int channels)
    {
        Reflections? reflections = ReadReflections(prefix, channels);
        Half[] map = reflections?.Map() ?? ReadMap(prefix + "map", channels, required: true);
        int rank = map.Length / channels;
        RequireRank(rank, channels, prefix + "map");

        Half[] inverse = ReadMap(prefix + "inverse", channels, required: false);
        float[] steps = Read(prefix + "steps", required: false);
        float[] mean = Read(prefix + "mean", required: false);
        byte[] bits = [.. Read(prefix + "bits", required: false).Select(value => (byte)ToInteger(value, prefix + "bits", BitAllocation.MaxBits))];
        Require(inverse.Length == 0 || inverse.Length == map.Length, prefix + "inverse", "has another rank than the map");
        Require(steps.Length == 0 || (steps.Length == rank && steps.All(step => step > 0)), prefix + "steps", "must be a positive number for each rank");
        Require(mean.Length == 0 || mean.Length == channels, prefix + "mean", $"must have {channels} elements");
        Require(bits.Length == 0 || (bits.Length == rank / Ranks.Step && bits.All(value => value > 0)), prefix + "bits", "must be 1 to 8 for each 16 ranks");
        return new SideBasis { Rank = rank, Map = map, Reflections = reflections, Inverse = inverse, Steps = steps, Mean = mean, Bits = bits };
    }

    /// <summary>Null when the map is stored itself.</summary>
    private Reflections? ReadReflections(string prefix, int channels)
    {
        if (!file.TryGetBytes(prefix + "reflections", "I8", out ReadOnlySpan<byte> codes, out _))
        {
            return null;
        }

        float[] ranks = Read(prefix + "rank", required: true);
        Require(ranks.Length == 1, prefix + "rank", "must be one number");
        int rank = ToInteger(ranks[0], prefix + "rank", channels);
        RequireRank(rank, channels, prefix + "rank");
        try
        {
            return Reflections.Of(channels, rank, MemoryMarshal.Cast<byte, sbyte>(codes));
        }
        catch (ArgumentException)
        {
            throw Broken(prefix + "reflections", $"has {codes.Length} codes, which are not those of rank {rank} in {channels} channels");
        }
    }

    private void RequireRank(int rank, int channels, string name) => Require(
        rank >= Ranks.Step && rank % Ranks.Step == 0 && rank <= channels,
        name,
        $"has rank {rank}; it must be a multiple of {Ranks.Step}, at most the {channels} channels of its heads");

    private Half[] ReadMap(string name, int channels, bool required)
    {
        if (file.TryGetBytes(name, "I8", out ReadOnlySpan<byte> codes, out ImmutableArray<long> shape))
        {
            return ReadCoarse(name, channels, codes, shape);
        }

        if (!TryGet(name, required, out TensorView? tensor))
        {
            return [];
        }

        Require(tensor.Type == TensorType.F16 && tensor.Shape.Length == 2 && tensor.Shape[0] == channels, name, $"must be F16 with {channels} rows");
        Half[] map = MemoryMarshal.Cast<byte, Half>(tensor.Bytes).ToArray();
        Require(Array.TrueForAll(map, Half.IsFinite), name, "has elements that are not finite");
        return map;
    }

    /// <summary>Columns in whole multiples of a unit each, as Profiles were written before there were reflections.</summary>
    private Half[] ReadCoarse(string name, int channels, ReadOnlySpan<byte> codes, ImmutableArray<long> shape)
    {
        Require(shape.Length == 2 && shape[0] == channels, name, $"must be I8 with {channels} rows");
        float[] units = Read(name + ".units", required: true);
        Require(units.Length == shape[1] && Array.TrueForAll(units, unit => unit is > 0 and <= 128), name + ".units", "must be a unit for each column");
        var map = new Half[codes.Length];
        for (int i = 0; i < map.Length; i++)
        {
            map[i] = (Half)((sbyte)codes[i] * units[i % units.Length]);
        }

        return map;
    }

    private float[] Read(string name, bool required)
    {
        if (!TryGet(name, required, out TensorView? tensor))
        {
            return [];
        }

        Require(tensor.Type == TensorType.F32 && tensor.Shape.Length == 1, name, "must be one row of F32");
        float[] values = MemoryMarshal.Cast<byte, float>(tensor.Bytes).ToArray();
        Require(Array.TrueForAll(values, float.IsFinite), name, "has elements that are not finite");
        return values;
    }

    private bool TryGet(string name, bool required, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TensorView? tensor)
    {
        bool found = file.TryGetTensor(name, out tensor);
        Require(found || !required, name, "is missing");
        return found;
    }

    private int ToInteger(float value, string name, int max)
    {
        Require(value == MathF.Truncate(value) && value >= 0 && value <= max, name, $"must be whole numbers from 0 to {max}");
        return (int)value;
    }

    private void Require(bool condition, string name, string problem)
    {
        if (!condition)
        {
            throw Broken(name, problem);
        }
    }

    private ModelLoadException Broken(string name, string problem) =>
        new($"{file.Path}: tensor '{name}' {problem}; make the Profile again with kvcluster calibrate.");
}
