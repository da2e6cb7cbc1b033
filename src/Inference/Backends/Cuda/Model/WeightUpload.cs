using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Brings tensors to the device: matrices in bf16, vectors in 32 bits; or makes random ones there.</summary>
internal sealed unsafe class WeightUpload(CudaModelSource source, ModelKernels kernels, CudaStream stream)
{
    private const int StagingRowBytes = 16 << 20;

    private readonly List<DeviceMemory> _memory = [];
    private ulong _seed = source.Fingerprint << 40;

    /// <summary>Everything taken so far; the caller owns it.</summary>
    public IReadOnlyList<DeviceMemory> Memory => _memory;

    /// <summary>Device memory, zero.</summary>
    public ulong Zeroed(long bytes)
    {
        var memory = new DeviceMemory(bytes);
        _memory.Add(memory);
        stream.Fill(memory.Address, 0, bytes);
        return memory.Address;
    }

    /// <summary>Rows of a matrix; those of <paramref name="to"/> are <paramref name="stride"/> elements apart, the rest stays as it is.</summary>
    public void Matrix(ulong to, int stride, string name, int rows, int columns)
    {
        if (source.Tensors is null)
        {
            // Of the variance 1 / columns, so that what passes through keeps its size.
            kernels.Launch(stream, new ModelKernels.Fill { To = to, Count = (ulong)rows * (ulong)stride, Seed = _seed, Scale = MathF.Sqrt(3f / columns) });
            _seed += (ulong)rows * (ulong)stride;
            return;
        }

        TensorView tensor = source.Tensors.GetTensor(name).Expect(rows, columns);
        int rowsAtOnce = Math.Max(1, StagingRowBytes / (sizeof(ushort) * stride));
        ushort[] staging = new ushort[Math.Min(rowsAtOnce, rows) * stride];
        float[] wide = new float[columns];
        for (int first = 0; first < rows; first += rowsAtOnce)
        {
            int count = Math.Min(rowsAtOnce, rows - first);
            for (int row = 0; row < count; row++)
            {
                Span<ushort> destination = staging.AsSpan(row * stride, columns);
                if (tensor.Type == TensorType.BF16)
                {
                    tensor.GetRow(first + row).CopyTo(MemoryMarshal.AsBytes(destination));
                }
                else
                {
                    tensor.ReadRowAsSingle(first + row, wide);
                    RoundToBrain(wide, destination);
                }
            }

            stream.CopyToDevice(to + ((ulong)first * (ulong)stride * sizeof(ushort)), MemoryMarshal.AsBytes(staging.AsSpan(0, count * stride)));
            stream.Synchronize();
        }
    }

    /// <summary>A vector of weights that are near 1.</summary>
    public ulong Vector(string name, int length)
    {
        float[] values = new float[length];
        if (source.Tensors is null)
        {
            Array.Fill(values, 1);
        }
        else
        {
            source.Tensors.GetTensor(name).Expect(length).ReadAsSingle(values);
        }

        return Copy(values);
    }

    /// <summary>Biases one after another, each in its own width.</summary>
    public ulong Biases(params ReadOnlySpan<(string Name, int Length, int Width)> parts)
    {
        var values = new List<float>();
        foreach ((string name, int length, int width) in parts)
        {
            float[] part = new float[length];
            source.Tensors?.GetTensor(name).Expect(length).ReadAsSingle(part);
            values.AddRange(part);
            values.AddRange(new float[width - length]);
        }

        return Copy([.. values]);
    }

    public ulong Copy(float[] values)
    {
        ulong to = Zeroed(values.Length * sizeof(float));
        stream.CopyToDevice(to, MemoryMarshal.AsBytes(values.AsSpan()));
        stream.Synchronize();
        return to;
    }

    private static void RoundToBrain(float[] source, Span<ushort> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[i]);
            destination[i] = float.IsNaN(source[i]) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }
}
