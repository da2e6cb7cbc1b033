namespace KvCluster.Compression.Codecs;

/// <summary>A stage of a spec and the method that it names.</summary>
internal sealed record PlannedStage(CodecStage Stage, CodecMethod Method, StageParameters Parameters);
