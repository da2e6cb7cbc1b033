using System.Globalization;
using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Profiles as safetensors files: maps as codes of reflections or in 16 bits, steps and means in 32, what it is in the metadata.</summary>
public static class ProfileFile
{
    /// <summary>Ending of the files' names; packed files have <see cref="DataFile.PackedExtension"/> after it.</summary>
    public const string Extension = ".safetensors";

    private const string Format = "kvcluster-profile/1";

    /// <summary>Writes a Profile.</summary>
    /// <param name="path">Replaced when it is there; packed with gzip when it ends in <see cref="DataFile.PackedExtension"/>.</param>
    /// <param name="profile">What to write.</param>
    /// <param name="notes">More metadata: where it comes from and what was measured.</param>
    public static void Save(string path, StoredProfile profile, IReadOnlyDictionary<string, string> notes)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(notes);
        var writer = new SafetensorsWriter();
        writer.AddMetadata("format", Format);
        writer.AddMetadata("spec", profile.Spec);
        writer.AddMetadata("model", profile.ModelFingerprint.ToString("x16", CultureInfo.InvariantCulture));
        writer.AddMetadata("geometry", Text(profile.Geometry));
        foreach ((string name, string note) in notes)
        {
            writer.AddMetadata(name, note);
        }

        for (int layer = 0; layer < profile.Layers.Count; layer++)
        {
            for (int group = 0; group < profile.Layers[layer].Count; group++)
            {
                Add(writer, $"layers.{layer}.groups.{group}.", profile.Layers[layer][group]);
            }
        }

        writer.Save(path);
    }

    /// <summary>The spec and the model of a file, without reading the maps; null when it is no Profile.</summary>
    /// <exception cref="ModelLoadException">The file is broken.</exception>
    public static (string Spec, ulong ModelFingerprint)? ReadIdentity(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        IReadOnlyDictionary<string, string> metadata = SafetensorsMetadata.Read(file);
        return metadata.GetValueOrDefault("format") == Format ? (Required(metadata, "spec", path), Fingerprint(metadata, path)) : null;
    }

    /// <exception cref="ModelLoadException">The file is broken or no Profile.</exception>
    public static StoredProfile Load(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        IReadOnlyDictionary<string, string> metadata = SafetensorsMetadata.Read(file);
        if (metadata.GetValueOrDefault("format") != Format)
        {
            throw new ModelLoadException($"{path}: is not a Profile that this version reads ({Format}); make it again with kvcluster calibrate.");
        }

        KvGeometry geometry = Geometry(metadata, path);
        var reader = new ProfileTensors(file, geometry);
        return new StoredProfile(
            Required(metadata, "spec", path),
            Fingerprint(metadata, path),
            geometry,
            [.. Enumerable.Range(0, geometry.LayerCount).Select(reader.ReadLayer)]);
    }

    private static void Add(SafetensorsWriter writer, string prefix, GroupBasis group)
    {
        Add(writer, prefix + "heads", [.. group.KvHeads.Select(head => (float)head)]);
        Add(writer, prefix + "key.", group.Key);
        Add(writer, prefix + "value.", group.Value);
    }

    private static void Add(SafetensorsWriter writer, string prefix, SideBasis side)
    {
        if (side.Reflections is { } reflections)
        {
            writer.Add(prefix + "reflections", "I8", MemoryMarshal.AsBytes(reflections.Codes), reflections.Codes.Length);
            Add(writer, prefix + "rank", [reflections.Rank]);
        }
        else
        {
            Add(writer, prefix + "map", side.Map, side.Rank);
        }

        Add(writer, prefix + "inverse", side.Inverse, side.Rank);
        Add(writer, prefix + "steps", side.Steps);
        Add(writer, prefix + "mean", side.Mean);
        Add(writer, prefix + "bits", [.. side.Bits.Select(bits => (float)bits)]);
    }

    private static void Add(SafetensorsWriter writer, string name, Half[] map, int rank)
    {
        if (map.Length > 0)
        {
            writer.Add(name, "F16", MemoryMarshal.AsBytes<Half>(map), map.Length / rank, rank);
        }
    }

    private static void Add(SafetensorsWriter writer, string name, float[] values)
    {
        if (values.Length > 0)
        {
            writer.Add(name, "F32", MemoryMarshal.AsBytes<float>(values), values.Length);
        }
    }

    private static string Text(KvGeometry geometry) => $"{geometry.LayerCount} {geometry.KvHeadCount} {geometry.HeadSize}";

    private static KvGeometry Geometry(IReadOnlyDictionary<string, string> metadata, string path)
    {
        string[] parts = Required(metadata, "geometry", path).Split(' ');
        int[] counts = [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0)];
        return counts.Length == 3 && counts.All(count => count is > 0 and <= 65536)
            ? new KvGeometry(counts[0], counts[1], counts[2])
            : throw new ModelLoadException($"{path}: 'geometry' must be three counts; make the Profile again with kvcluster calibrate.");
    }

    private static ulong Fingerprint(IReadOnlyDictionary<string, string> metadata, string path) =>
        ulong.TryParse(Required(metadata, "model", path), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw new ModelLoadException($"{path}: 'model' must be a fingerprint; make the Profile again with kvcluster calibrate.");

    private static string Required(IReadOnlyDictionary<string, string> metadata, string name, string path) =>
        metadata.GetValueOrDefault(name)
        ?? throw new ModelLoadException($"{path}: its metadata lacks '{name}'; make the Profile again with kvcluster calibrate.");
}
