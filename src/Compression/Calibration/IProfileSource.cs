namespace KvCluster.Compression.Calibration;

/// <summary>Where Profiles of a model are found.</summary>
public interface IProfileSource
{
    /// <summary>The Profile made for exactly these stages; null when there is none.</summary>
    public Profile? Find(string spec);
}
