namespace KvCluster.KvStore.Traces.Generation;

/// <summary>
/// Multi-turn chat: every turn repeats all turns before it. Applications share system prompts, some sessions paste a long text, and four in ten
/// end after one turn.
/// </summary>
internal sealed class ChatTrace(Random random)
{
    private const string Tenant = "chat";
    private const int ApplicationCount = 12;
    private const double SecondsBetweenSessions = 2;
    private const double OneTurnShare = 0.4;
    private const double PasteShare = 0.15;
    private const double MeanFurtherTurns = 6;
    private const double TokensASecond = 40;
    private const int MaxContextTokens = 32_768;

    private readonly BlockNumbers _numbers = new();
    private readonly ZipfTable _applications = new(ApplicationCount, 1.1);

    public void Generate(int requestCount, List<TraceRequest> requests)
    {
        int[] systemTokenCounts = [.. Enumerable.Range(0, ApplicationCount).Select(_ => random.TokenCount(600, 0.8, 4000))];
        double start = 0;
        while (requests.Count < requestCount)
        {
            start += random.Exponential(SecondsBetweenSessions);
            int application = _applications.Draw(random);
            var sequence = new GrowingSequence(Tenant, _numbers);
            sequence.AppendShared(application, systemTokenCounts[application]);
            AddSession(sequence, start, requests);
        }
    }

    private void AddSession(GrowingSequence sequence, double at, List<TraceRequest> requests)
    {
        int turnCount = random.NextDouble() < OneTurnShare ? 1 : 1 + random.Geometric(MeanFurtherTurns);
        if (random.NextDouble() < PasteShare)
        {
            sequence.AppendOwn(random.TokenCount(1800, 0.7, 12_000));
        }

        for (int turn = 0; turn < turnCount && sequence.TokenCount < MaxContextTokens; turn++)
        {
            sequence.AppendOwn(random.TokenCount(60, 1, 2000));
            int answerTokenCount = random.TokenCount(260, 0.8, 2000);
            requests.Add(sequence.Answer(TimeSpan.FromSeconds(at), answerTokenCount));
            at += (answerTokenCount / TokensASecond) + random.LogNormal(35, 1.1);
        }
    }
}
