using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>64-byte aligned scratch for kernels. Grows, never shrinks; its content does not survive growing.</summary>
internal sealed unsafe class AlignedBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;

    /// <summary>Kernels may read this many bytes past the end.</summary>
    private const int SlackBytes = 64;

    private int _capacity;

    ~AlignedBuffer() => Free();

    public T* Pointer { get; private set; }

    public Span<T> Span => new(Pointer, _capacity);

    /// <summary>Makes room for <paramref name="length"/> values.</summary>
    public T* Reserve(int length)
    {
        if (length > _capacity)
        {
            Free();
            Pointer = (T*)NativeMemory.AlignedAlloc(((nuint)length * (nuint)Unsafe.SizeOf<T>()) + SlackBytes, Alignment);
            _capacity = length;
        }

        return Pointer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        _capacity = 0;
    }
}
