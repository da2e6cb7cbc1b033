using System.Collections.Immutable;

namespace KvCluster.Inference.Models;

/// <summary>Sampling defaults of generation_config.json; null where the file says nothing or does not exist.</summary>
public sealed record GenerationDefaults
{
    public double? Temperature { get; init; }

    public int? TopK { get; init; }

    public double? TopP { get; init; }

    public double? MinP { get; init; }

    public double? RepetitionPenalty { get; init; }

    /// <summary>False asks for greedy decoding.</summary>
    public bool? DoSample { get; init; }

    public ImmutableArray<int> EosTokenIds { get; init; } = [];

    internal static GenerationDefaults Read(string path)
    {
        if (!File.Exists(path))
        {
            return new GenerationDefaults();
        }

        using var document = JsonFile.Parse(JsonFile.ReadBytes(path), path);
        var json = new JsonFields(document.RootElement, path);
        return new GenerationDefaults
        {
            Temperature = json.Number("temperature"),
            TopK = (int?)json.Number("top_k"),
            TopP = json.Number("top_p"),
            MinP = json.Number("min_p"),
            RepetitionPenalty = json.Number("repetition_penalty"),
            DoSample = json.Has("do_sample") ? json.Boolean("do_sample", false) : null,
            EosTokenIds = json.TokenIds("eos_token_id"),
        };
    }
}
