using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>Reads one large buffer a task.</summary>
internal sealed unsafe class ReadJob : ParallelJob, IDisposable
{
    public const int BytesPerTask = 64 << 20;

    private readonly AlignedBuffer<byte>[] _buffers;
    private uint _sum;

    public ReadJob(int taskCount)
    {
        _buffers = new AlignedBuffer<byte>[taskCount];
        for (int i = 0; i < taskCount; i++)
        {
            _buffers[i] = new AlignedBuffer<byte>();
            _buffers[i].Reserve(BytesPerTask);
            _buffers[i].Span.Fill(1);
        }
    }

    public override void Execute(int task, int worker) => _sum = Read(_buffers[task].Pointer);

    public void Dispose()
    {
        foreach (AlignedBuffer<byte> buffer in _buffers)
        {
            buffer.Dispose();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint Read(byte* buffer)
    {
        Vector256<uint> a = default, b = default, c = default, d = default;
        for (byte* end = buffer + BytesPerTask; buffer < end; buffer += 128)
        {
            a += Vector256.Load((uint*)buffer);
            b += Vector256.Load((uint*)(buffer + 32));
            c += Vector256.Load((uint*)(buffer + 64));
            d += Vector256.Load((uint*)(buffer + 96));
        }

        return Vector256.Sum(a + b + c + d);
    }
}
