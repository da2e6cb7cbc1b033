using System.Collections.Immutable;
using System.Runtime.InteropServices;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Engine;

/// <summary>
/// The tokens of one Sequence and the rules by which it goes on and ends. What is chosen depends only on the tokens so far, the
/// parameters and the seed, so any worker continues it with the same tokens.
/// </summary>
public sealed class Generation
{
    private readonly List<int> _tokenIds;
    private readonly SamplingParameters _parameters;
    private readonly SamplingParameters _forcedParameters;
    private readonly ImmutableArray<int> _forcedTokenIds;
    private readonly ImmutableArray<int> _eosTokenIds;
    private readonly ulong _seed;
    private readonly int _maxTokenCount;
    private readonly TokenCounts? _counts;

    /// <param name="tokenIds">The prompt, and behind it tokens generated earlier.</param>
    /// <param name="promptTokenCount">How many of them are the prompt.</param>
    /// <param name="parameters">Already validated.</param>
    /// <param name="forcedTokenIds">Taken in place of sampled tokens, from the first generated one on; empty: none.</param>
    /// <param name="seed">The request's seed.</param>
    /// <param name="eosTokenIds">End tokens of the model.</param>
    /// <param name="maxContextTokens">Most tokens, prompt and answer together.</param>
    public Generation(
        ReadOnlySpan<int> tokenIds,
        int promptTokenCount,
        SamplingParameters parameters,
        ImmutableArray<int> forcedTokenIds,
        ulong seed,
        ImmutableArray<int> eosTokenIds,
        int maxContextTokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(promptTokenCount, tokenIds.Length);
        _tokenIds = [.. tokenIds];
        PromptTokenCount = promptTokenCount;
        _parameters = parameters;
        _forcedParameters = new SamplingParameters { LogprobCount = parameters.LogprobCount };
        _forcedTokenIds = forcedTokenIds;
        _eosTokenIds = eosTokenIds;
        _seed = seed;
        var maxGenerated = forcedTokenIds.IsEmpty ? parameters.MaxTokens : forcedTokenIds.Length;
        _maxTokenCount = (int)Math.Min((long)promptTokenCount + maxGenerated, maxContextTokens);
        if (parameters.HasPenalties)
        {
            _counts = new TokenCounts();
            _counts.AddPrompt(tokenIds[..promptTokenCount]);
            foreach (var id in tokenIds[promptTokenCount..])
            {
                _counts.AddGenerated(id);
            }
        }

        if (GeneratedTokenCount > 0)
        {
            End = EndAfter(_tokenIds[^1]);
        }
    }

    public int PromptTokenCount { get; }

    public int TokenCount => _tokenIds.Count;

    public int GeneratedTokenCount => _tokenIds.Count - PromptTokenCount;

    /// <summary>Most tokens that the Sequence can come to, prompt included.</summary>
    public int MaxTokenCount => _maxTokenCount;

    public SequenceEnd End { get; private set; }

    public bool WantsLogprobs => _parameters.LogprobCount is not null;

    /// <summary>Valid until the next <see cref="Commit"/>.</summary>
    public ReadOnlySpan<int> TokenIds => CollectionsMarshal.AsSpan(_tokenIds);

    /// <summary>What draws the next token, when nothing but it is wanted of the logits: without penalties, bias, log probabilities and forced tokens.</summary>
    public TokenDraw? Draw =>
        GeneratedTokenCount < _forcedTokenIds.Length || _parameters.LogprobCount is not null || _parameters.HasPenalties || _parameters.LogitBias.Count > 0
            ? null
            : new TokenDraw(
                _parameters.Temperature,
                _parameters.TopK,
                _parameters.TopP,
                _parameters.MinP,
                _parameters.IsGreedy ? 0 : Philox.Uniform(_seed, _tokenIds.Count));

    /// <summary>Chooses the next token; does not append it.</summary>
    /// <param name="sampler">Scratch; its spans stay valid until its next use.</param>
    /// <param name="logits">After the last token; changed in place.</param>
    public SampledToken Choose(Sampler sampler, Span<float> logits)
    {
        var generated = GeneratedTokenCount;
        if (generated >= _forcedTokenIds.Length)
        {
            return sampler.Sample(logits, _parameters, _counts, _seed, _tokenIds.Count);
        }

        // Greedy and without penalties, so the chosen token is the likeliest and logits stay as they are: the forced token's
        // log-probability lies as far below the chosen one's as their logits do.
        var forced = _forcedTokenIds[generated];
        var likeliest = sampler.Sample(logits, _forcedParameters, null, _seed, _tokenIds.Count);
        if (likeliest.Status != SampleStatus.Ok)
        {
            return likeliest;
        }

        var gap = logits[forced] - logits[likeliest.Id];
        return likeliest with { Id = forced, Logprob = likeliest.Logprob + gap };
    }

    /// <summary>Appends a token.</summary>
    /// <returns>Whether the Sequence ends with it.</returns>
    public SequenceEnd Commit(int tokenId)
    {
        _tokenIds.Add(tokenId);
        _counts?.AddGenerated(tokenId);
        return End = EndAfter(tokenId);
    }

    private SequenceEnd EndAfter(int tokenId)
    {
        if (_forcedTokenIds.IsEmpty)
        {
            var isEnd = !_parameters.IgnoreEos && _eosTokenIds.Contains(tokenId);
            if (isEnd || (!_parameters.StopTokenIds.IsDefaultOrEmpty && _parameters.StopTokenIds.Contains(tokenId)))
            {
                return SequenceEnd.Stop;
            }
        }

        return _tokenIds.Count >= _maxTokenCount ? SequenceEnd.Length : SequenceEnd.None;
    }
}
