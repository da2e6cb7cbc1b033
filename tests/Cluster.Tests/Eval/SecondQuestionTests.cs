using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.SecondQuestions;
using KvCluster.CommandLine.Terminal;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>Second questions against the documents that they are made from.</summary>
public sealed class SecondQuestionTests
{
    private const string DocumentEnd = "<|im_end|>\n";

    [Theory]
    [InlineData("models/demo/eval.jsonl")]
    [InlineData("models/demo/validation.jsonl.gz")]
    public void TryMake_RowsOfAnySeed_AskForAnotherEntryOfTheSameDocument(string file)
    {
        List<EvalRow> rows = EvalFile.Read(Path.Combine(RepositoryRoot.Path, file), 20);
        for (int i = 0; i < rows.Count; i++)
        {
            EvalRow row = rows[i];
            SecondQuestion? second = DocumentQuestions.TryMake(row, new Random(i));
            if (row.Task.StartsWith("math", StringComparison.Ordinal))
            {
                Assert.Null(second);
                continue;
            }

            string document = row.Prompt[..(row.Prompt.IndexOf(DocumentEnd, StringComparison.Ordinal) + DocumentEnd.Length)];
            Assert.StartsWith(document, second!.Prompt, StringComparison.Ordinal);
            string question = second.Prompt[document.Length..];
            Assert.EndsWith("<|im_end|>\n<|im_start|>assistant\n", question, StringComparison.Ordinal);
            if (row.Task.StartsWith("line", StringComparison.Ordinal))
            {
                string line = question.Split(" in line ")[1].Split('?')[0];
                Assert.Contains($"\nline {line}: REGISTER_CONTENT is {second.Answer}\n", document, StringComparison.Ordinal);
                Assert.DoesNotContain($"in line {line}?", row.Prompt, StringComparison.Ordinal);
            }
            else
            {
                string key = question.Split('"')[1];
                Assert.Contains($"\"{key}\": {second.Answer["is ".Length..]}", document, StringComparison.Ordinal);
                Assert.DoesNotContain($"value of \"{key}\"?", row.Prompt, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void TryMake_DocumentWithOneEntry_HasNothingElseToAsk()
    {
        const string Prompt = "<|im_start|>user\nline a-b: REGISTER_CONTENT is <1>\n<|im_end|>\n<|im_start|>user\n in line a-b? <|im_end|>\n";

        Assert.Null(DocumentQuestions.TryMake(new EvalRow("line_retrieval_1", Prompt, "<1>", null), new Random(1)));
        Assert.Null(DocumentQuestions.TryMake(new EvalRow("lookup_60", "no turn at all", "", null), new Random(1)));
    }

    [Fact]
    public void Source_File_BelongsToTheRowsOfItsTaskInOrder()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(
                file,
                [
                    """{"task": "b", "prompt": "b second", "answer": "1"}""",
                    """{"task": "a", "prompt": "a second", "answer": "2"}""",
                    """{"task": "a", "prompt": "a third", "answer": "3"}""",
                ]);
            EvalRow[] rows = [new("a", "x", "", null), new("b", "y", "", null), new("a", "z", "", null), new("b", "w", "", null)];

            Assert.Equal(
                ["a second", "b second", "a third", null], SecondQuestionSource.Of(file, rows).Select(question => question?.Prompt));
            Assert.Throws<BadArgumentException>(() => SecondQuestionSource.Of(file, [new EvalRow("c", "x", "", null)]));
            Assert.Throws<BadArgumentException>(() => SecondQuestionSource.Of("on", [new EvalRow("math_0shot", "x", "", null)]));
            Assert.All(SecondQuestionSource.Of(null, rows), Assert.Null);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
