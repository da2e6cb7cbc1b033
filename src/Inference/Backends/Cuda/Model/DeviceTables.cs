using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Tables of a step that vary in length, one after another in pinned memory, and their copy on the device.</summary>
internal sealed class DeviceTables : IDisposable
{
    private const int Alignment = 16;

    private PinnedMemory? _host;
    private DeviceMemory? _device;
    private int _used;

    /// <summary>Begins anew; the device has ended all work with what was there.</summary>
    public void Begin(int maxBytes)
    {
        _used = 0;
        if (_device is null || _device.SizeBytes < maxBytes)
        {
            Dispose();
            int room = Math.Max(1 << 16, 2 * maxBytes);
            _host = new PinnedMemory(room);
            _device = new DeviceMemory(room);
        }
    }

    /// <summary>Adds a table.</summary>
    /// <returns>Where it will be on the device.</returns>
    public ulong Add(ReadOnlySpan<byte> table)
    {
        table.CopyTo(_host!.GetSpan()[_used..]);
        ulong address = _device!.Address + (ulong)_used;
        _used += RoomOf(table.Length);
        return address;
    }

    /// <summary>Queues the copy of all tables.</summary>
    public void Copy(CudaStream stream)
    {
        if (_used > 0)
        {
            stream.CopyToDevice(_device!.Address, _host!.GetSpan()[.._used]);
        }
    }

    /// <summary>Bytes that a table takes up.</summary>
    public static int RoomOf(int bytes) => (bytes + Alignment - 1) & -Alignment;

    public void Dispose()
    {
        ((IDisposable?)_host)?.Dispose();
        _device?.Dispose();
        _host = null;
        _device = null;
    }
}
