namespace KvCluster.KvStore.Traces.Generation;

/// <summary>
/// Questions over shared documents: a system prompt, then either one long document or a few passages in the order of their rank, popular ones more often
/// (Zipf), then a question that nobody asks again.
/// </summary>
internal sealed class RagTrace(Random random)
{
    private const string Tenant = "rag";
    private const int SystemContent = 1_000_000;
    private const int SystemTokenCount = 500;
    private const int DocumentCount = 600;
    private const int PassageCount = 3000;
    private const double LongDocumentShare = 0.5;
    private const double SecondsBetweenRequests = 0.5;

    private readonly BlockNumbers _numbers = new();
    private readonly ZipfTable _documents = new(DocumentCount, 0.9);
    private readonly ZipfTable _passages = new(PassageCount, 0.9);

    public void Generate(int requestCount, List<TraceRequest> requests)
    {
        int[] documentTokenCounts = [.. Enumerable.Range(0, DocumentCount).Select(_ => random.TokenCount(5000, 0.6, 24_000))];
        int[] passageTokenCounts = [.. Enumerable.Range(0, PassageCount).Select(_ => random.TokenCount(450, 0.5, 1500))];
        double at = 0;
        for (int i = 0; i < requestCount; i++)
        {
            at += random.Exponential(SecondsBetweenRequests);
            var sequence = new GrowingSequence(Tenant, _numbers);
            sequence.AppendShared(SystemContent, SystemTokenCount);
            if (random.NextDouble() < LongDocumentShare)
            {
                int document = _documents.Draw(random);
                sequence.AppendShared(document, documentTokenCounts[document]);
            }
            else
            {
                for (int rank = random.Next(2, 6); rank > 0; rank--)
                {
                    int passage = _passages.Draw(random);
                    sequence.AppendShared(DocumentCount + passage, passageTokenCounts[passage]);
                }
            }

            sequence.AppendOwn(random.TokenCount(40, 0.7, 400));
            requests.Add(sequence.Answer(TimeSpan.FromSeconds(at), random.TokenCount(180, 0.7, 1000)));
        }
    }
}
