using System.Collections.Immutable;

namespace KvCluster.Inference.Models;

/// <summary>One tensor of a safetensors header; offsets in bytes from the start of the file. Type null: not readable here.</summary>
internal sealed record TensorEntry(string Name, string TypeName, TensorType? Type, ImmutableArray<long> Shape, long Offset, long ByteCount);
