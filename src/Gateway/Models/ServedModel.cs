using System.Collections.Immutable;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Gateway.Models;

/// <summary>The text side of the model that this Gateway serves.</summary>
internal sealed record ServedModel
{
    public required string Name { get; init; }

    public required Tokenizer Tokenizer { get; init; }

    public required ChatTemplate ChatTemplate { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Prompt and answer together.</summary>
    public required int MaxContextTokens { get; init; }

    public required ImmutableArray<int> EosTokenIds { get; init; }

    public static ServedModel Load(GatewayOptions options)
    {
        using var folder = Inference.Models.ModelFolder.Open(options.ModelFolder);
        return new ServedModel
        {
            Name = options.ModelName ?? NameOf(options.ModelFolder),
            Tokenizer = folder.Tokenizer,
            ChatTemplate = folder.ChatTemplate,
            VocabularySize = folder.Config.VocabularySize,
            MaxContextTokens = folder.Config.MaxPositionCount,
            EosTokenIds = folder.Config.EosTokenIds,
        };
    }

    private static string NameOf(string path)
    {
        var directory = new DirectoryInfo(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        return directory is { Name: "model", Parent: { } parent } ? parent.Name : directory.Name;
    }
}
