namespace KvCluster.KvStore.Redis;

/// <summary>Which connection a command goes through: answers come in order, and a short one must not wait behind a long one.</summary>
internal enum RedisLane
{
    /// <summary>Questions with short answers.</summary>
    Queries,

    /// <summary>Blocks, to and fro.</summary>
    Values,
}
