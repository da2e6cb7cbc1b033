namespace KvCluster.Protocol.Shards;

/// <summary>What a <see cref="ShardedWriter"/> has put.</summary>
/// <param name="SlabCount">Slabs given to it; replicas are not counted again.</param>
/// <param name="Bytes">Their bytes, headers included.</param>
/// <param name="LostHomeCount">Shards that were given up; every Block has another home that took it.</param>
public readonly record struct ShardedWriteResult(int SlabCount, long Bytes, int LostHomeCount);
