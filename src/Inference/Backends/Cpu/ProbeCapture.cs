using System.Numerics.Tensors;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Keeps the rotated queries of probe rows (<see cref="ProbeStore"/>) for as long as their Blocks are not encoded.</summary>
internal sealed unsafe class ProbeCapture(StepPlan plan, Activations activations, int headSize, float epsilon)
{
    private readonly float[] _rotated = GC.AllocateUninitializedArray<float>(headSize, pinned: true);
    private Half[] _sealing = [];
    private int _sealingLength;

    /// <summary>Before a layer's Blocks are encoded: brings together all probes of each Block that fills up.</summary>
    public void Gather(int layer, CpuLayerWeights weights)
    {
        for (int i = 0; i < plan.Sealing.Length; i++)
        {
            ref readonly StepSegment segment = ref plan.Segments[plan.Sealing[i]];
            ProbeStore probes = segment.Cache.Probes!;
            _sealingLength = probes.BlockProbes.Count * probes.QueryWidth;
            if (_sealing.Length < plan.Sealing.Length * _sealingLength)
            {
                Array.Resize(ref _sealing, plan.Sealing.Length * _sealingLength);
            }

            ReadOnlySpan<int> columns = probes.BlockProbes.Columns(segment.BlockIndex);
            for (int probe = 0; probe < columns.Length; probe++)
            {
                Span<Half> queries = Sealing(i).Slice(probe * probes.QueryWidth, probes.QueryWidth);
                if (columns[probe] < segment.FirstColumn)
                {
                    probes.Open(layer, probe).CopyTo(queries);
                }
                else
                {
                    Capture(segment.FirstRow + columns[probe] - segment.FirstColumn, weights, queries);
                }
            }
        }
    }

    /// <summary>After it: keeps the new probes of Blocks that stay open, and of prompts that are encoded later.</summary>
    public void Keep(int layer, CpuLayerWeights weights)
    {
        foreach (ref readonly StepSegment segment in plan.Segments)
        {
            ProbeStore probes = segment.Cache.Probes!;
            if (segment.Sealed is null)
            {
                ReadOnlySpan<int> columns = probes.BlockProbes.Columns(segment.BlockIndex);
                for (int probe = 0; probe < columns.Length; probe++)
                {
                    if (columns[probe] >= segment.FirstColumn && columns[probe] < segment.EndColumn)
                    {
                        Capture(segment.FirstRow + columns[probe] - segment.FirstColumn, weights, probes.Open(layer, probe));
                    }
                }
            }

            KeepPrompt(segment, probes, layer, weights);
        }
    }

    /// <summary>Probes of the i-th Block that fills up, [probe][query width].</summary>
    public Span<Half> Sealing(int index) => _sealing.AsSpan(index * _sealingLength, _sealingLength);

    private void KeepPrompt(in StepSegment segment, ProbeStore probes, int layer, CpuLayerWeights weights)
    {
        int[] rows = probes.PromptRows;
        int first = plan.Positions[segment.FirstRow];
        int index = Array.BinarySearch(rows, first);
        for (index = index < 0 ? ~index : index; index < rows.Length && rows[index] < first + segment.TokenCount; index++)
        {
            Capture(segment.FirstRow + rows[index] - first, weights, probes.Prompt(layer, index));
        }
    }

    private void Capture(int row, CpuLayerWeights weights, Span<Half> queries)
    {
        float* source = activations.QueryKeyValue + ((long)row * activations.QueryKeyValueStride);
        fixed (float* rotated = _rotated)
        {
            for (int head = 0; head < queries.Length; head += headSize)
            {
                HeadRotation.Rotate(source + head, weights.QueryNorm, epsilon, activations, row, rotated);
                TensorPrimitives.ConvertToHalf(_rotated, queries.Slice(head, headSize));
            }
        }
    }
}
