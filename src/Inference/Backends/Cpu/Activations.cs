using KvCluster.Compression.Blocks;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Scratch of a forward pass: one row a token. Grows to the largest batch seen.</summary>
internal sealed unsafe class Activations(ModelConfig config, KvGeometry geometry) : IDisposable
{
    private readonly AlignedBuffer<float> _hidden = new();
    private readonly AlignedBuffer<float> _delta = new();
    private readonly AlignedBuffer<float> _normed = new();
    private readonly AlignedBuffer<float> _queryKeyValue = new();
    private readonly AlignedBuffer<float> _attended = new();
    private readonly AlignedBuffer<float> _gateUp = new();
    private readonly AlignedBuffer<float> _cos = new();
    private readonly AlignedBuffer<float> _sin = new();
    private readonly AlignedBuffer<Half> _slots = new();

    public int HiddenSize => config.HiddenSize;

    /// <summary>Floats from row to row of <see cref="Delta"/>: whole panels.</summary>
    public int DeltaStride { get; } = Pad(config.HiddenSize);

    public int QueryWidth { get; } = config.HeadCount * config.HeadSize;

    public int KvWidth { get; } = config.KvHeadCount * config.HeadSize;

    /// <summary>Floats from row to row of <see cref="QueryKeyValue"/>: q, k and v.</summary>
    public int QueryKeyValueStride => QueryWidth + (2 * KvWidth);

    /// <summary>Floats of the gate of a row; up follows.</summary>
    public int GateWidth { get; } = Pad(config.IntermediateSize);

    public int RotaryHalf => config.HeadSize / 2;

    /// <summary>The residual stream.</summary>
    public float* Hidden { get; private set; }

    /// <summary>What a sublayer adds to the residual stream.</summary>
    public float* Delta { get; private set; }

    public float* Normed { get; private set; }

    public float* QueryKeyValue { get; private set; }

    /// <summary>Attention's output of all heads.</summary>
    public float* Attended { get; private set; }

    public float* GateUp { get; private set; }

    /// <summary>Cosines of each row's position.</summary>
    public float* Cos { get; private set; }

    public float* Sin { get; private set; }

    /// <summary>16-bit K and V of Blocks that do not fit the open Block, one open layer each.</summary>
    public Half* Slots { get; private set; }

    public void Reserve(int rowCount, int slotCount)
    {
        Hidden = _hidden.Reserve(checked(rowCount * HiddenSize));
        Delta = _delta.Reserve(checked(rowCount * DeltaStride));
        Normed = _normed.Reserve(checked(rowCount * HiddenSize));
        QueryKeyValue = _queryKeyValue.Reserve(checked(rowCount * QueryKeyValueStride));
        Attended = _attended.Reserve(checked(rowCount * QueryWidth));
        GateUp = _gateUp.Reserve(checked(rowCount * 2 * GateWidth));
        Cos = _cos.Reserve(rowCount * RotaryHalf);
        Sin = _sin.Reserve(rowCount * RotaryHalf);
        Slots = _slots.Reserve(checked(slotCount * geometry.OpenLayerLength));
    }

    public Span<Half> Slot(int index) => new(Slots + ((long)index * geometry.OpenLayerLength), geometry.OpenLayerLength);

    public void Dispose()
    {
        _hidden.Dispose();
        _delta.Dispose();
        _normed.Dispose();
        _queryKeyValue.Dispose();
        _attended.Dispose();
        _gateUp.Dispose();
        _cos.Dispose();
        _sin.Dispose();
        _slots.Dispose();
    }

    private static int Pad(int columnCount) => (columnCount + PackedMatrix.PanelWidth - 1) / PackedMatrix.PanelWidth * PackedMatrix.PanelWidth;
}
