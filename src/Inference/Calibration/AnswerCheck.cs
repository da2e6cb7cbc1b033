using System.Numerics.Tensors;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Whether the model, with its KV encoded, still follows true answers: each of their tokens must be the most likely one.</summary>
internal sealed class AnswerCheck
{
    private readonly ModelFolder _folder;
    private readonly (string Task, int[] Prompt, int[] Answer)[] _prompts;
    private readonly Dictionary<string, int> _taskSizes;

    public AnswerCheck(ModelFolder folder, IReadOnlyList<AnsweredPrompt> prompts)
    {
        _folder = folder;
        _prompts = [.. prompts.Select(prompt => (
            prompt.Task, folder.Tokenizer.Encode(prompt.Prompt), folder.Tokenizer.Encode(prompt.Reference, addSpecialTokens: false)))];
        _taskSizes = prompts.GroupBy(prompt => prompt.Task).ToDictionary(task => task.Key, task => task.Count());
    }

    public int PromptCount => _prompts.Length;

    /// <summary>Mean over the tasks of the share of prompts whose answer is followed; stops early when it can't reach the bound any more.</summary>
    /// <returns>The accuracy, or when stopped what it could at most have become: below the bound.</returns>
    public double Accuracy(KvCodec codec, double bound, CancellationToken cancellationToken)
    {
        using CpuModelRunner runner = CpuModelRunner.Load(_folder, codec);
        var prefill = new Prefill(runner);
        double accuracy = 1;

        // Long prompts lose the most to compression, so they come first.
        foreach ((string task, int[] prompt, int[] answer) in _prompts.OrderByDescending(prompt => prompt.Prompt.Length))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!Follows(prefill, prompt, answer))
            {
                accuracy -= 1.0 / _taskSizes[task] / _taskSizes.Count;
            }

            if (accuracy < bound)
            {
                break;
            }
        }

        return accuracy;
    }

    private static bool Follows(Prefill prefill, int[] prompt, int[] answer)
    {
        using SequenceCache cache = prefill.NewCache();
        prefill.Run(cache, prompt.AsSpan(0, prompt.Length - 1));
        StepBatch batch = prefill.Step(cache, [prompt[^1], .. answer.AsSpan(0, answer.Length - 1)], wantsLogits: true);
        for (int i = 0; i < answer.Length; i++)
        {
            if (TensorPrimitives.IndexOfMax<float>(batch.Logits(0, i)) != answer[i])
            {
                return false;
            }
        }

        return true;
    }
}
