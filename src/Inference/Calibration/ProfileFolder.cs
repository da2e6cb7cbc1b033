using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Finds the Profiles of a model: files in <c>profiles</c> in its folder or beside it, by what their metadata says.</summary>
public sealed class ProfileFolder : IProfileSource
{
    private readonly string[] _folders;
    private readonly ulong _modelFingerprint;
    private readonly KvGeometry _geometry;

    /// <param name="modelFolder">Folder of the model.</param>
    /// <param name="modelFingerprint">Profiles of other models are not used.</param>
    /// <param name="geometry">Of the model's KV.</param>
    public ProfileFolder(string modelFolder, ulong modelFingerprint, KvGeometry geometry)
    {
        string full = Path.GetFullPath(modelFolder);
        _folders = [Path.Combine(full, "profiles"), Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(full)) ?? full, "profiles")];
        _modelFingerprint = modelFingerprint;
        _geometry = geometry;
    }

    /// <summary>The specs of all Profiles of the model, in ordinal order.</summary>
    public IReadOnlyList<string> Specs => [.. _folders.Where(Directory.Exists).SelectMany(Files)
        .Select(ProfileFile.ReadIdentity)
        .Where(identity => identity is { } known && known.ModelFingerprint == _modelFingerprint)
        .Select(identity => identity!.Value.Spec)
        .Distinct().Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    /// <exception cref="ModelLoadException">The only Profile of that spec belongs to another model, or is broken.</exception>
    public Profile? Find(string spec)
    {
        ProfileRecipe recipe = ProfileRecipe.Of(spec);
        if (!recipe.NeedsData)
        {
            return WithoutData(recipe).ToProfile();
        }

        string? foreign = null;
        foreach (string path in _folders.Where(Directory.Exists).SelectMany(Files))
        {
            if (ProfileFile.ReadIdentity(path) is { } identity && identity.Spec == recipe.Spec)
            {
                if (identity.ModelFingerprint == _modelFingerprint)
                {
                    return ProfileFile.Load(path).ToProfile();
                }

                foreign ??= path;
            }
        }

        return foreign is null
            ? null
            : throw new ModelLoadException(
                $"{foreign}: the Profile of '{recipe.Spec}' is of another model than this one ({_modelFingerprint:x16}); make one with: kvcluster calibrate --kv \"{recipe.Spec}\".");
    }

    private StoredProfile WithoutData(ProfileRecipe recipe)
    {
        LayerStatistics[] nothing =
            [.. Enumerable.Range(0, _geometry.LayerCount).Select(_ => new LayerStatistics(_geometry, recipe.HeadsPerSet(_geometry)))];
        return new StoredProfile(recipe.Spec, _modelFingerprint, _geometry, [.. recipe.Make(nothing).Select(layer => layer.Groups)]);
    }

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(folder, "*" + ProfileFile.Extension + "*")
            .Where(path => path.EndsWith(ProfileFile.Extension, StringComparison.Ordinal) || path.EndsWith(ProfileFile.Extension + DataFile.PackedExtension, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
}
