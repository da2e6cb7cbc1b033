using System.Text.Json.Serialization.Metadata;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>The shape of answers of one route: chunks while they stream, or whole.</summary>
internal abstract class AnswerFormat<TAnswer>
    where TAnswer : class
{
    public abstract JsonTypeInfo<TAnswer> JsonType { get; }

    /// <summary>Sent before a choice's first text; null: nothing.</summary>
    public abstract TAnswer? Opening(int index);

    /// <summary>One reply of a choice as a chunk; null when it has nothing to show.</summary>
    public abstract TAnswer? Chunk(int index, GenerateReply reply);

    /// <summary>The last chunk when usage was asked for.</summary>
    public abstract TAnswer UsageChunk(CompletionUsage usage);

    /// <param name="replies">All replies of each choice.</param>
    /// <param name="usage">Of all choices.</param>
    public abstract TAnswer Whole(IReadOnlyList<IReadOnlyList<GenerateReply>> replies, CompletionUsage usage);

    protected static string? NameOf(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => null,
    };
}
