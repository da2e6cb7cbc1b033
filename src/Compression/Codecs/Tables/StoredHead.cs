namespace KvCluster.Compression.Codecs.Tables;

/// <summary>A latent head in a payload.</summary>
/// <param name="KeyChannelCount">Of K; a multiple of 16.</param>
/// <param name="ValueChannelCount">Of V; a multiple of 16.</param>
/// <param name="Keys">Codes of K; together all its channels and stored tokens.</param>
/// <param name="Values">Codes of V.</param>
/// <param name="KeyResidual">Null: none.</param>
/// <param name="ValueResidual">Null: none.</param>
public sealed record StoredHead(
    int KeyChannelCount,
    int ValueChannelCount,
    IReadOnlyList<CodeRun> Keys,
    IReadOnlyList<CodeRun> Values,
    StoredResidual? KeyResidual,
    StoredResidual? ValueResidual);
