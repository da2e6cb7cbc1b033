using Grpc.Core;
using KvCluster.CommandLine.Eval.SecondQuestions;

namespace KvCluster.CommandLine.Eval;

/// <summary>Asks one prompt through the cluster and measures its reference answer.</summary>
internal sealed class RowEvaluator(V1.Inference.InferenceClient client)
{
    private const int MaxAnswerTokens = 200;

    /// <summary>Its Blocks are nobody else's, so nothing is reused.</summary>
    private const string AloneTenant = "eval-alone";

    /// <param name="row">The prompt.</param>
    /// <param name="second">Asked after the row's own question; null: not.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<RowOutcome> EvaluateAsync(EvalRow row, SecondQuestion? second, CancellationToken cancellationToken)
    {
        Answer greedy = await AskAsync(row.Prompt, new V1.Sampling { MaxTokens = MaxAnswerTokens }, cancellationToken);
        int[] reference = row.Reference is null ? [] : await TokenizeAsync(row.Reference, cancellationToken);
        double nll = 0;
        if (reference.Length > 0)
        {
            // A greedy answer that begins with the reference has already been scored token by token.
            Answer scored = greedy.TokenIds.Take(reference.Length).SequenceEqual(reference)
                ? greedy
                : await AskAsync(row.Prompt, new V1.Sampling { ForcedTokenIds = { reference } }, cancellationToken);
            nll = -scored.Logprobs.Take(reference.Length).Sum();
        }

        SecondOutcome? secondOutcome = second is null ? null : await AskSecondAsync(row, second, cancellationToken);
        return new RowOutcome(
            row,
            greedy.Text,
            AnswerScoring.IsRight(row, greedy.Text),
            nll,
            reference.Length,
            greedy.Usage.KvTokensReceived,
            greedy.Usage.KvBytesReceived,
            secondOutcome);
    }

    private async Task<SecondOutcome> AskSecondAsync(EvalRow row, SecondQuestion second, CancellationToken cancellationToken)
    {
        Answer reused = await AskAsync(second.Prompt, new V1.Sampling { MaxTokens = MaxAnswerTokens }, cancellationToken);
        Answer alone = await AskAsync(second.Prompt, new V1.Sampling { MaxTokens = MaxAnswerTokens }, cancellationToken, AloneTenant);
        EvalRow asked = row with { Prompt = second.Prompt, Answer = second.Answer };
        return new SecondOutcome(
            AnswerScoring.IsRight(asked, reused.Text), AnswerScoring.IsRight(asked, alone.Text), reused.Usage.PromptTokens, reused.Usage.CachedTokens);
    }

    private async Task<int[]> TokenizeAsync(string text, CancellationToken cancellationToken)
    {
        V1.TokenizeReply reply = await client.TokenizeAsync(new V1.TokenizeRequest { Text = text }, cancellationToken: cancellationToken);
        return [.. reply.TokenIds];
    }

    private async Task<Answer> AskAsync(string prompt, V1.Sampling sampling, CancellationToken cancellationToken, string tenant = "")
    {
        sampling.Temperature = 0;
        sampling.Logprobs = 0;
        var request = new V1.GenerateRequest { Text = prompt, Sampling = sampling, Tenant = tenant };
        using AsyncServerStreamingCall<V1.GenerateReply> call = client.Generate(request, cancellationToken: cancellationToken);
        var answer = new Answer();
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            answer.TokenIds.AddRange(reply.TokenIds);
            answer.Logprobs.AddRange(reply.Logprobs.Select(logprob => (double)logprob.Logprob));
            answer.Text += reply.Text;
            answer.Usage = reply.Usage ?? answer.Usage;
        }

        return answer;
    }

    private sealed class Answer
    {
        public List<int> TokenIds { get; } = [];
        public List<double> Logprobs { get; } = [];
        public string Text { get; set; } = "";
        public V1.Usage Usage { get; set; } = new();
    }
}
