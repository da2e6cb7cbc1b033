using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Arrays of a test on the device: copied there and back, poisoned where nothing is written.</summary>
internal sealed unsafe class DeviceScratch : IDisposable
{
    private readonly List<DeviceMemory> _memory = [];

    public CudaStream Stream { get; } = new();

    public ulong Upload<T>(T[] values)
        where T : unmanaged
    {
        ulong to = Poisoned<T>(values.Length);
        Stream.CopyToDevice(to, MemoryMarshal.AsBytes(values.AsSpan()));
        Stream.Synchronize();
        return to;
    }

    /// <summary>0xFF bytes: NaN.</summary>
    public ulong Poisoned<T>(int count)
        where T : unmanaged
    {
        var memory = new DeviceMemory(Math.Max(1, (long)count * sizeof(T)));
        _memory.Add(memory);
        Stream.Fill(memory.Address, 0xFF, memory.SizeBytes);
        return memory.Address;
    }

    public T[] Download<T>(ulong from, int count)
        where T : unmanaged
    {
        T[] values = new T[count];
        fixed (T* to = values)
        {
            Stream.CopyToHost((byte*)to, from, (long)count * sizeof(T));
            Stream.Synchronize();
        }

        return values;
    }

    public static ushort Brain(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static float FromBrain(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    public static float[] FromBrain(ushort[] bits) => Array.ConvertAll(bits, FromBrain);

    /// <summary>Values that bf16 holds.</summary>
    public static float[] Random(Random random, int count, float scale = 1)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = FromBrain(Brain(scale * ((random.NextSingle() * 2) - 1)));
        }

        return values;
    }

    public void Dispose()
    {
        Stream.Synchronize();
        _memory.ForEach(memory => memory.Dispose());
        Stream.Dispose();
    }
}
