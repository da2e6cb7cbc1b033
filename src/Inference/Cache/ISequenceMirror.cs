namespace KvCluster.Inference.Cache;

/// <summary>What a device holds of a <see cref="SequenceCache"/>, which owns it: copies of its Blocks, and the newest state of its Tail.</summary>
internal interface ISequenceMirror : IDisposable
{
    /// <summary>Brings the open Block of the cache up to date, where the device's is newer. Called before it is read.</summary>
    public void FetchTail(SequenceCache cache);

    /// <summary>The cache's open Block is the newer one from now on.</summary>
    public void OnTailImported();
}
