using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>A method that specs can name.</summary>
/// <param name="Name">As in specs.</param>
/// <param name="Role">Where it may stand.</param>
/// <param name="ParameterNames">The parameters it takes.</param>
/// <param name="Create">Builds the codec of a pipeline whose quantiser this is.</param>
internal sealed record CodecMethod(
    string Name, CodecRole Role, IReadOnlyList<string> ParameterNames, Func<CodecSpec, KvGeometry, KvCodec> Create);
