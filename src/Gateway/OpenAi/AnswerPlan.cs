using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>What an HTTP request comes to.</summary>
/// <param name="Requests">One a choice; the choices of one prompt follow each other.</param>
/// <param name="ChoicesPerPrompt">n.</param>
/// <param name="Streams">Whether the answer is a stream of events.</param>
/// <param name="IncludesUsage">Whether a stream ends with usage.</param>
/// <param name="Rename">Field names of the request message to those of the HTTP body.</param>
internal sealed record AnswerPlan(
    IReadOnlyList<GenerateRequest> Requests, int ChoicesPerPrompt, bool Streams, bool IncludesUsage, Func<string, string> Rename);
