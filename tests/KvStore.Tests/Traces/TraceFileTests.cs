using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Traces;
using KvCluster.KvStore.Traces.Generation;

namespace KvCluster.KvStore.Tests.Traces;

public sealed class TraceFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public static TheoryData<string> Kinds => [.. TraceKinds.Names];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Write_AnyGeneratedTrace_IsReadBackTheSame(string kind)
    {
        IReadOnlyList<TraceRequest> requests = TraceKinds.Generate(kind, 200, seed: 5);
        using (var output = new StreamWriter(_path))
        {
            TraceFile.Write(output, requests);
        }

        TraceRequest[] read = [.. TraceFile.Read(_path)];
        Assert.Equal(requests.Count, read.Length);
        foreach ((TraceRequest expected, TraceRequest actual) in requests.Zip(read))
        {
            Assert.Equal(expected.Tenant, actual.Tenant);
            Assert.Equal(expected.Prompt, actual.Prompt);
            Assert.Equal(expected.Generated, actual.Generated);
            Assert.InRange(expected.At - actual.At, TimeSpan.Zero, TimeSpan.FromMilliseconds(1));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Generate_SameSeed_GivesTheSameTraceAndChainsOfBlocks(string kind)
    {
        IReadOnlyList<TraceRequest> requests = TraceKinds.Generate(kind, 500, seed: 3);
        Assert.Equal(Text(requests), Text(TraceKinds.Generate(kind, 500, seed: 3)));
        Assert.NotEqual(Text(requests), Text(TraceKinds.Generate(kind, 500, seed: 4)));
        var parents = new Dictionary<BlockId, BlockId>();
        foreach (TraceRequest request in requests)
        {
            BlockId parent = default;
            foreach (BlockId id in request.Prompt.Concat(request.Generated))
            {
                Assert.True(parents.TryAdd(id, parent) || parents[id] == parent, "a block has two parents");
                parent = id;
            }
        }

        Assert.True(parents.Count < requests.Sum(request => request.Prompt.Count), "nothing is ever asked for again");
    }

    [Fact]
    public void Read_NumbersRunsAndIds_AreBlocks()
    {
        BlockId id = TestSlabs.Id(9);
        File.WriteAllText(_path, $$"""
            {"at_ms":5,"tenant":"a","prompt":[3,"7-9","{{id}}"],"generated":["10-10"],"note":"kept for later versions"}

            {"at_ms":5.5,"tenant":"b","prompt":[3]}
            """);
        TraceRequest[] requests = [.. TraceFile.Read(_path)];
        Assert.Equal(5, requests[0].Prompt.Count);
        Assert.Equal(id, requests[0].Prompt[^1]);
        Assert.Single(requests[0].Generated);
        Assert.NotEqual(requests[0].Prompt[0], requests[1].Prompt[0]);
        Assert.Equal(TimeSpan.FromMilliseconds(5.5), requests[1].At);
    }

    [Theory]
    [InlineData("""[]""", "must be an object")]
    [InlineData("""{"at_ms":1}""", "prompt is missing")]
    [InlineData("""{"at_ms":-1,"prompt":[]}""", "at_ms")]
    [InlineData("""{"at_ms":"1","prompt":[]}""", "at_ms")]
    [InlineData("""{"at_ms":1,"tenant":4,"prompt":[]}""", "tenant")]
    [InlineData("""{"at_ms":1,"prompt":"1-4"}""", "array")]
    [InlineData("""{"at_ms":1,"prompt":["9-7"]}""", "9-7")]
    [InlineData("""{"at_ms":1,"prompt":[-1]}""", "-1")]
    [InlineData("""{"at_ms":1,"prompt":["0-999999999"]}""", "out of range")]
    [InlineData("""{"at_ms":1,"prompt":[1],"generated":["0-2"]}""", "twice")]
    [InlineData("""{"at_ms":1,""", "line 2")]
    public void Read_MalformedLine_SaysWhereAndWhy(string line, string problem)
    {
        File.WriteAllText(_path, "{\"at_ms\":0,\"prompt\":[1]}\n" + line);
        var error = Assert.Throws<TraceFormatException>(() => TraceFile.Read(_path).ToList());
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_BackInTime_IsRefused()
    {
        File.WriteAllText(_path, "{\"at_ms\":2,\"prompt\":[1]}\n{\"at_ms\":1,\"prompt\":[1]}");
        Assert.Throws<TraceFormatException>(() => TraceFile.Read(_path).ToList());
    }

    public void Dispose() => File.Delete(_path);

    private static string Text(IEnumerable<TraceRequest> requests)
    {
        var output = new StringWriter();
        TraceFile.Write(output, requests);
        return output.ToString();
    }
}
