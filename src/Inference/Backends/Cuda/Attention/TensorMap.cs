using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>CUtensorMap: a matrix of 16-bit floats that the copy engine takes boxes of 64 columns from, as prefill_attention_warpgroup.cu wants them.</summary>
[InlineArray(16)]
internal struct TensorMap
{
    private const int MapBytes = 128;

    /// <summary>Where the driver writes a map.</summary>
    private const nuint MapAlignment = 64;

    private const int Float16 = 6;
    private const int BoxColumns = 64;
    private const int Swizzle128 = 3;
    private const int PromoteTo256Bytes = 3;

    private ulong _first;

    /// <param name="address">Of the first element; a multiple of 16.</param>
    /// <param name="columnCount">Of a row.</param>
    /// <param name="rowCount">Rows; boxes read zeros after them.</param>
    /// <param name="rowStride">In elements, a multiple of 8.</param>
    /// <param name="boxRowCount">At most 256.</param>
    /// <exception cref="CudaException">The driver does not accept it.</exception>
    public static unsafe TensorMap Of(ulong address, int columnCount, int rowCount, int rowStride, int boxRowCount)
    {
        byte* room = stackalloc byte[MapBytes + (int)MapAlignment];
        byte* aligned = (byte*)(((nuint)room + MapAlignment - 1) & ~(MapAlignment - 1));
        ulong* sizes = stackalloc ulong[] { (ulong)columnCount, (ulong)rowCount };
        ulong stride = (ulong)rowStride * sizeof(ushort);
        uint* box = stackalloc uint[] { BoxColumns, (uint)boxRowCount };
        uint* steps = stackalloc uint[] { 1, 1 };
        int result = TensorMapDriver.EncodeTiled(
            aligned, Float16, 2, address, sizes, &stride, box, steps, 0, Swizzle128, PromoteTo256Bytes, 0);
        CudaException.ThrowOn(result, "cuTensorMapEncodeTiled", $"{rowCount} rows of {columnCount}, {stride} bytes apart, at {address:x}");
        return Unsafe.ReadUnaligned<TensorMap>(aligned);
    }
}

/// <summary>The driver's function for it, from CUDA 12 on.</summary>
internal static unsafe partial class TensorMapDriver
{
    static TensorMapDriver() => CudaLibraries.Register();

    [LibraryImport(CudaLibraries.Driver, EntryPoint = "cuTensorMapEncodeTiled")]
    public static partial int EncodeTiled(
        void* map, int type, uint rank, ulong address, ulong* sizes, ulong* strides, uint* box, uint* steps, int interleave, int swizzle, int promotion, int fill);
}
