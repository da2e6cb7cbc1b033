using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>One step's q, k and v of a layer as attention sees them: after norm and RoPE.</summary>
internal sealed unsafe class LayerRows(ModelConfig config)
{
    private readonly int _size = config.HeadSize;

    public int RowCount { get; private set; }

    public int QueryWidth { get; } = config.HeadCount * config.HeadSize;

    public int KvWidth { get; } = config.KvHeadCount * config.HeadSize;

    /// <summary>[rows][query heads · head size].</summary>
    public float[] Queries { get; private set; } = [];

    /// <summary>[rows][KV heads · head size].</summary>
    public float[] Keys { get; private set; } = [];

    /// <summary>[rows][KV heads · head size].</summary>
    public float[] Values { get; private set; } = [];

    public void Read(StepPlan plan, Activations activations, CpuLayerWeights weights)
    {
        RowCount = plan.RowCount;
        if (Queries.Length < RowCount * QueryWidth)
        {
            Queries = new float[RowCount * QueryWidth];
            Keys = new float[RowCount * KvWidth];
            Values = new float[RowCount * KvWidth];
        }

        fixed (float* queries = Queries, keys = Keys, values = Values)
        {
            for (int row = 0; row < RowCount; row++)
            {
                float* source = activations.QueryKeyValue + ((long)row * activations.QueryKeyValueStride);
                Rotate(source, weights.QueryNorm, activations, row, config.HeadCount, queries + (row * QueryWidth));
                Rotate(source + QueryWidth, weights.KeyNorm, activations, row, config.KvHeadCount, keys + (row * KvWidth));
                new ReadOnlySpan<float>(source + QueryWidth + KvWidth, KvWidth).CopyTo(new Span<float>(values + (row * KvWidth), KvWidth));
            }
        }
    }

    private void Rotate(float* heads, float[]? norm, Activations activations, int row, int headCount, float* result)
    {
        for (int head = 0; head < headCount; head++)
        {
            HeadRotation.Rotate(heads + (head * _size), norm, config.RmsNormEpsilon, activations, row, result + (head * _size));
        }
    }
}
