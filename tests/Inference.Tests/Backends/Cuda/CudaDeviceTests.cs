using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class CudaDeviceTests
{
    [Fact]
    public void TryOpen_WithoutDriver_SaysSoInOneLine()
    {
        Assert.SkipWhen(CudaLibraries.IsPresent(CudaLibraries.Driver), "There is a driver here.");

        Assert.False(CudaDevice.TryOpen(0, out CudaDevice? device, out string? reason));
        Assert.Null(device);
        Assert.StartsWith("No CUDA: the NVIDIA driver was not found (", reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reason!);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public void TryOpen_NoSuchDevice_SaysSoInOneLine(int ordinal)
    {
        Assert.False(CudaDevice.TryOpen(ordinal, out CudaDevice? device, out string? reason));
        Assert.Null(device);
        Assert.StartsWith("No CUDA: ", reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reason!);
    }

    [Fact]
    public void CudaException_NamesCallErrorAndContext()
    {
        var error = new CudaException("CUDA_ERROR_OUT_OF_MEMORY", "cuMemAlloc", "42 bytes");

        Assert.Equal("cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (42 bytes).", error.Message);
        Assert.True(error.IsOutOfMemory);
        Assert.False(error.IsDeviceLost);
        Assert.True(new CudaException("CUDA_ERROR_ILLEGAL_ADDRESS", "cuStreamSynchronize", string.Empty).IsDeviceLost);
    }

    [Fact]
    public void Open_OnGpu_DescribesIt()
    {
        CudaDevice device = Gpu.Required();

        Assert.True(device.Capability >= 80);
        Assert.True(device.MultiprocessorCount > 0);
        Assert.InRange(device.FreeBytes(), 1, device.MemoryBytes);
        Assert.Contains(device.Name, device.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Allocate_MoreThanTheDeviceHas_IsOutOfMemory()
    {
        CudaDevice device = Gpu.Required();

        var error = Assert.Throws<CudaException>(() => new DeviceMemory(4 * device.MemoryBytes).Dispose());
        Assert.True(error.IsOutOfMemory);
    }

    [Fact]
    public unsafe void Graph_OfCopies_MovesPinnedBytesThereAndBack()
    {
        Gpu.Required();
        using var stream = new CudaStream();
        using var arena = new DeviceArena(1 << 20);
        using DeviceBuffer buffer = arena.Allocate(1000);
        using var from = new PinnedMemory(1000);
        using var to = new PinnedMemory(1000);
        using var start = new CudaEvent(isTimed: true);
        using var end = new CudaEvent(isTimed: true);
        using CudaGraph graph = stream.Capture(() =>
        {
            stream.CopyToDevice(buffer.Address, from.GetSpan());
            stream.CopyToHost(to.Pointer, buffer.Address, 1000);
        });
        for (int round = 0; round < 3; round++)
        {
            Random.Shared.NextBytes(from.GetSpan());
            to.GetSpan().Clear();
            start.Record(stream);
            graph.Launch(stream);
            end.Record(stream);
            end.Synchronize();
            Assert.True(end.IsReached());
            Assert.True(end.Since(start) > TimeSpan.Zero);
            Assert.True(from.GetSpan().SequenceEqual(to.GetSpan()));
        }
    }
}
