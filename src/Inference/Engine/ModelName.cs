namespace KvCluster.Inference.Engine;

/// <summary>What a model is called when nobody has said: its folder's name, or the parent's when the folder is just "model".</summary>
public static class ModelName
{
    public static string Of(string folder)
    {
        var directory = new DirectoryInfo(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var isGeneric = string.Equals(directory.Name, "model", StringComparison.OrdinalIgnoreCase);
        return isGeneric && directory.Parent is { Name.Length: > 0 } parent ? parent.Name : directory.Name;
    }
}
