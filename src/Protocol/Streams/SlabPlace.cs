namespace KvCluster.Protocol.Streams;

/// <summary>Where a host serves slab streams.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Of TCP.</param>
/// <param name="SocketPath">Of a Unix socket on its machine; empty: none.</param>
/// <param name="SocketId">What its listener says in its greeting.</param>
internal sealed record SlabPlace(string Host, int Port, string SocketPath, ReadOnlyMemory<byte> SocketId);
