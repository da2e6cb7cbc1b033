namespace KvCluster.KvStore.Traces.Generation;

/// <summary>
/// Agent loops: system prompt and tools are shared, the prefix grows with every tool result, now and then a step is tried again from an earlier
/// state, and some steps fan out into branches that begin with what there is so far.
/// </summary>
internal sealed class AgentTrace(Random random)
{
    private const string Tenant = "agent";
    private const int AgentCount = 4;
    private const double SecondsBetweenTasks = 12;
    private const double MeanStepCount = 14;
    private const double BranchShare = 0.1;
    private const double RetryShare = 0.08;
    private const double PauseShare = 0.05;
    private const double MeanBranchStepCount = 3;
    private const int MaxContextTokens = 65_536;

    private readonly BlockNumbers _numbers = new();
    private readonly ZipfTable _agents = new(AgentCount, 0.8);

    public void Generate(int requestCount, List<TraceRequest> requests)
    {
        int[] systemTokenCounts = [.. Enumerable.Range(0, AgentCount).Select(_ => random.TokenCount(3000, 0.4, 9000))];
        double start = 0;
        while (requests.Count < requestCount)
        {
            start += random.Exponential(SecondsBetweenTasks);
            int agent = _agents.Draw(random);
            var sequence = new GrowingSequence(Tenant, _numbers);
            sequence.AppendShared(agent, systemTokenCounts[agent]);
            sequence.AppendOwn(random.TokenCount(300, 0.9, 4000));
            AddTask(sequence, start, requests);
        }
    }

    private void AddTask(GrowingSequence sequence, double at, List<TraceRequest> requests)
    {
        for (int step = random.Geometric(MeanStepCount); step > 0 && sequence.TokenCount < MaxContextTokens; step--)
        {
            GrowingSequence before = sequence.Fork();
            at = AddStep(sequence, at, requests);
            if (random.NextDouble() < RetryShare)
            {
                sequence = before;
            }
            else if (random.NextDouble() < BranchShare)
            {
                at = AddBranches(sequence, at, requests);
            }
        }
    }

    private double AddBranches(GrowingSequence sequence, double at, List<TraceRequest> requests)
    {
        double end = at;
        for (int branch = random.Next(2, 5); branch > 0; branch--)
        {
            GrowingSequence own = sequence.Fork();
            own.AppendOwn(random.TokenCount(150, 0.6, 1000));
            double branchAt = at;
            for (int step = random.Geometric(MeanBranchStepCount); step > 0; step--)
            {
                branchAt = AddStep(own, branchAt, requests);
            }

            end = Math.Max(end, branchAt);
        }

        sequence.AppendOwn(random.TokenCount(500, 0.6, 3000));
        return end;
    }

    /// <summary>An answer that calls a tool, and the tool's result. When the next step begins.</summary>
    private double AddStep(GrowingSequence sequence, double at, List<TraceRequest> requests)
    {
        requests.Add(sequence.Answer(TimeSpan.FromSeconds(at), random.TokenCount(120, 0.7, 1500)));
        sequence.AppendOwn(random.TokenCount(350, 1.1, 8000));
        return at + (random.NextDouble() < PauseShare ? random.LogNormal(240, 1) : random.LogNormal(5, 0.8));
    }
}
