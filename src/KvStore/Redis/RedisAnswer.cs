namespace KvCluster.KvStore.Redis;

/// <param name="IsAnswered">Whether Redis has answered in time.</param>
/// <param name="Value">The answer; default without one.</param>
internal readonly record struct RedisAnswer<T>(bool IsAnswered, T? Value);
