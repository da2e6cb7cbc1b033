using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Scratch of a step on the device: one row a token. Grows to the largest step seen; addresses change then.</summary>
internal sealed class StepBuffers(ModelConfig config, IDecodeAttention attention, int paddedIntermediateSize, int paddedVocabularySize) : IDisposable
{
    private readonly List<DeviceMemory> _memory = [];
    private int _rows;
    private int _logitsRows;
    private int _controlInts;
    private DeviceMemory? _control;
    private DeviceMemory? _logits;

    public int QueryWidth { get; } = config.HeadCount * config.HeadSize;

    public int KvWidth { get; } = config.KvHeadCount * config.HeadSize;

    public int ProjectedWidth { get; } = (config.HeadCount + (2 * config.KvHeadCount)) * config.HeadSize;

    /// <summary>The residual stream: [rows][hidden] in 32 bits.</summary>
    public ulong Hidden { get; private set; }

    /// <summary>[rows][hidden], bf16.</summary>
    public ulong Normed { get; private set; }

    /// <summary>q, k, v: [rows][projected width], bf16.</summary>
    public ulong Projected { get; private set; }

    /// <summary>Rotated: [rows][query width] in 32 bits.</summary>
    public ulong Query { get; private set; }

    /// <summary>The same in 16-bit floats, for prefill attention; so are the next two, [rows][KV heads][head size].</summary>
    public ulong QueryRows { get; private set; }

    public ulong KeyRows { get; private set; }

    public ulong ValueRows { get; private set; }

    /// <summary>Output of attention: [rows][query width], bf16.</summary>
    public ulong Attended { get; private set; }

    /// <summary>[rows][2][padded intermediate size], bf16.</summary>
    public ulong GateUp { get; private set; }

    /// <summary>[rows][padded intermediate size], bf16.</summary>
    public ulong Gated { get; private set; }

    public ulong Partials { get; private set; }

    public ulong States { get; private set; }

    /// <summary>Of <see cref="IDecodeAttention"/>.</summary>
    public ulong AttentionScratch { get; private set; }

    /// <summary>Tables of the step: <see cref="StepTables"/>.</summary>
    public ulong Control => _control!.Address;

    /// <summary>[rows of logits][hidden], bf16.</summary>
    public ulong LastNormed { get; private set; }

    /// <summary>[rows of logits][padded vocabulary] in 32 bits.</summary>
    public ulong Logits => _logits!.Address;

    /// <summary>[rows of logits]: token and whether all logits are finite.</summary>
    public ulong Picked { get; private set; }

    /// <summary>Makes room; no work that uses it is under way.</summary>
    /// <returns>Whether addresses changed.</returns>
    public bool Reserve(int rows, int logitsRows, int controlInts)
    {
        if (rows <= _rows && logitsRows <= _logitsRows && controlInts <= _controlInts)
        {
            return false;
        }

        _rows = Math.Max(rows, _rows);
        _logitsRows = Math.Max(logitsRows, _logitsRows);
        _controlInts = Math.Max(controlInts + (controlInts / 2), _controlInts);
        Free();
        try
        {
            Allocate();
        }
        catch
        {
            // Nothing is left of what there was: the next step begins anew.
            Free();
            (_rows, _logitsRows, _controlInts) = (0, 0, 0);
            throw;
        }

        return true;
    }

    public void Dispose() => Free();

    private void Allocate()
    {
        Hidden = Take(_rows, config.HiddenSize * sizeof(float));
        Normed = Take(_rows, config.HiddenSize * sizeof(ushort));
        Projected = Take(_rows, ProjectedWidth * sizeof(ushort));
        Query = Take(_rows, QueryWidth * sizeof(float));
        QueryRows = Take(_rows, QueryWidth * sizeof(ushort));
        KeyRows = Take(_rows, KvWidth * sizeof(ushort));
        ValueRows = Take(_rows, KvWidth * sizeof(ushort));
        Attended = Take(_rows, QueryWidth * sizeof(ushort));
        GateUp = Take(_rows, 2 * paddedIntermediateSize * sizeof(ushort));
        Gated = Take(_rows, paddedIntermediateSize * sizeof(ushort));
        (long partials, long states, long scratch) = attention.RoomBytes(_rows);
        Partials = Take(partials);
        States = Take(states);
        AttentionScratch = Take(Math.Max(1, scratch));
        LastNormed = Take(_logitsRows, config.HiddenSize * sizeof(ushort));
        Picked = Take(_logitsRows, 2 * sizeof(int));
        _logits = new DeviceMemory((long)_logitsRows * paddedVocabularySize * sizeof(float));
        _control = new DeviceMemory((long)_controlInts * sizeof(int));
    }

    private ulong Take(int rows, int rowBytes) => Take((long)rows * rowBytes);

    private ulong Take(long bytes)
    {
        var memory = new DeviceMemory(bytes);
        _memory.Add(memory);
        return memory.Address;
    }

    private void Free()
    {
        _memory.ForEach(memory => memory.Dispose());
        _memory.Clear();
        _logits?.Dispose();
        _control?.Dispose();
        _logits = null;
        _control = null;
    }
}
