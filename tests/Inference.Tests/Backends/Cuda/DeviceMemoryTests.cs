using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>They fill the device, so no other test may run beside them.</summary>
[CollectionDefinition("device memory", DisableParallelization = true)]
public sealed class DeviceMemoryCollection;

/// <summary>What becomes of work when the device is full, or lost.</summary>
[Collection("device memory")]
public sealed class DeviceMemoryTests
{
    private const string LosesDevice = "KVCLUSTER_TEST_LOSES_DEVICE";
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    [InlineData("zipcache")]
    [InlineData("gear")]
    public void Forward_AllThatTheLimitsAdmit_NobodyFails(string spec)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, 16 * MiB);
        DevicePages pages = gpu.Pages!.Value;
        var footprint = new KvFootprint(gpu.Codec, gpu.AttendsDecoded, pages);
        WorkerLimits limits = WorkerLimits.Of(footprint, 6, 512, long.MaxValue);
        int count = limits.MaxSequences;

        // As long as pages let all of them be at once.
        int tokenCount = Math.Min(700, (KvGeometry.BlockTokenCount * ((pages.SealedCount / count) - (pages.OpenCount == 0 ? 1 : 0))) + KvGeometry.BlockTokenCount - 1);
        Assert.True(new KvDemand(count * footprint.Demand(tokenCount).Bytes, count * footprint.Demand(tokenCount).PageCount).FitsIn(limits.Budget));
        int[] tokenIds = [.. Enumerable.Range(0, tokenCount).Select(i => 300 + (i * 37 % 3000))];
        long free = gpu.PageTokenCounts.Free;
        SequenceCache[] caches = [.. Enumerable.Range(0, count).Select(_ => Sequences.NewCache(gpu))];
        foreach (SequenceCache cache in caches)
        {
            Sequences.Prefill(gpu, cache, tokenIds.AsSpan(0, Math.Max(1, tokenCount - 70)), limits.StepTokens);
        }

        var batch = new StepBatch();
        while (caches[0].TokenCount < tokenCount)
        {
            batch.Clear();
            foreach (SequenceCache cache in caches)
            {
                batch.Add(cache, tokenIds[cache.TokenCount], wantsLogits: true);
            }

            gpu.Forward(batch);
            Assert.All(Enumerable.Range(0, count), i => Assert.Equal(StepFailure.None, batch.Failure(i)));
        }

        Array.ForEach(caches, cache => cache.Dispose());
        Assert.Equal(free, gpu.PageTokenCounts.Free);
    }

    [Fact]
    public void Load_MorePagesThanTheDeviceHolds_SaysWhatWasAskedAndIsFree()
    {
        CudaDevice device = Gpu.Required();
        var error = Assert.Throws<ModelLoadException>(() => CudaRunners.Demo("raw", 4 * device.MemoryBytes));
        Assert.Matches(@"^No CUDA: .* has too little free memory: cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY \(\d+ bytes\), \d+ of \d+ bytes are free\.$", error.Message);

        device.MakeCurrent();
        using CudaModelRunner gpu = CudaRunners.Demo("raw", 16 * MiB);
        using SequenceCache cache = Sequences.NewCache(gpu);
        Sequences.Prefill(gpu, cache, [7, 8, 9], 64);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public void Forward_DeviceFullInAStep_FailsThatStepAndGoesOnOnceThereIsRoom(string spec)
    {
        CudaDevice device = Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, 64 * MiB);
        int[] tokenIds = [.. Enumerable.Range(0, 1500).Select(i => 300 + (i * 37 % 3000))];
        long free = gpu.PageTokenCounts.Free;
        var ballast = new List<DeviceMemory>();
        using (SequenceCache first = Sequences.NewCache(gpu))
        {
            Sequences.Prefill(gpu, first, tokenIds.AsSpan(0, 3), 64);
            device.MakeCurrent();
            Fill(ballast);
        }

        using (SequenceCache large = Sequences.NewCache(gpu))
        {
            var batch = new StepBatch { WantsAllLogits = true };
            batch.Add(large, tokenIds, wantsLogits: true);
            var error = Assert.Throws<CudaException>(() => gpu.Forward(batch));
            Assert.True(error.IsOutOfMemory, error.Message);
            Assert.Equal(SequenceFailureKind.OutOfDeviceMemory, SequenceFailedException.Of(error).Kind);
        }

        ballast.ForEach(memory => memory.Dispose());
        Assert.Equal(free, gpu.PageTokenCounts.Free);
        using SequenceCache cache = Sequences.NewCache(gpu), again = Sequences.NewCache(gpu);
        float[] logits = Sequences.Prefill(gpu, cache, tokenIds, 512);
        using CudaModelRunner fresh = CudaRunners.Demo(spec, 64 * MiB);
        using SequenceCache expected = Sequences.NewCache(fresh);
        Assert.All(Sequences.Prefill(fresh, expected, tokenIds, 512).Zip(logits), pair => Assert.InRange(pair.First - pair.Second, -0.5f, 0.5f));
        Sequences.Greedy(gpu, again, Sequences.Prefill(gpu, again, tokenIds.AsSpan(0, 100), 512), 8);
    }

    [Theory]
    [InlineData("CUDA_ERROR_ILLEGAL_ADDRESS", true)]
    [InlineData("CUDA_ERROR_ECC_UNCORRECTABLE", true)]
    [InlineData("CUDA_ERROR_LAUNCH_FAILED", true)]
    [InlineData("CUDA_ERROR_LAUNCH_TIMEOUT", true)]
    [InlineData("CUDA_ERROR_ASSERT", true)]
    [InlineData("CUDA_ERROR_MISALIGNED_ADDRESS", true)]
    [InlineData("CUDA_ERROR_DEVICE_UNAVAILABLE", true)]
    [InlineData("CUDA_ERROR_CONTEXT_IS_DESTROYED", true)]
    [InlineData("CUDA_ERROR_NVLINK_UNCORRECTABLE", true)]
    [InlineData("CUDA_ERROR_UNKNOWN", true)]
    [InlineData("CUDA_ERROR_OUT_OF_MEMORY", false)]
    [InlineData("CUDA_ERROR_INVALID_VALUE", false)]
    [InlineData("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", false)]
    [InlineData("CUDA_ERROR_NOT_READY", false)]
    [InlineData("CUDA_ERROR_NOT_SUPPORTED", false)]
    [InlineData("CUBLAS_STATUS_NOT_SUPPORTED", false)]
    public void Of_CudaError_LossIsToldFromAFailedCall(string name, bool isLost)
    {
        var error = new CudaException(name, "cuStreamSynchronize", "a\nb");
        Assert.Equal(isLost, error.IsDeviceLost);
        DeviceLostException? lost = DeviceLostException.Of(error);
        Assert.Equal(isLost, lost is not null);
        SequenceFailedException failure = SequenceFailedException.Of(error);
        Assert.Equal(isLost ? SequenceFailureKind.WorkerGone : error.IsOutOfMemory ? SequenceFailureKind.OutOfDeviceMemory : SequenceFailureKind.Fault, failure.Kind);
        Assert.Contains(name, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', lost?.Message ?? string.Empty);
        Assert.Same(lost, lost is null ? null : DeviceLostException.Of(lost));
    }

    [Fact]
    public void Of_OtherErrors_AreNoLoss() =>
        Assert.All([null, new InvalidOperationException("x"), new IOException("y")], (Exception? error) => Assert.Null(DeviceLostException.Of(error)));

    [Fact]
    public async Task Forward_DeviceLost_InAProcessOfItsOwn()
    {
        Gpu.Required();
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(DeviceMemoryTests).Assembly.Location);
        }

        start.ArgumentList.Add("--no-progress");
        start.ArgumentList.Add("--filter-method");
        start.ArgumentList.Add($"*.{nameof(Forward_AfterAnIllegalAddress_IsLostForGood)}");
        start.Environment[LosesDevice] = "1";
        using Process child = Process.Start(start)!;
        string output;
        try
        {
            output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            child.Kill();
        }

        Assert.True(child.ExitCode == 0 && output.Contains("succeeded: 1", StringComparison.Ordinal), output);

        // The loss was that process's alone.
        using CudaModelRunner gpu = CudaRunners.Demo("raw", 16 * MiB);
        using SequenceCache cache = Sequences.NewCache(gpu);
        Sequences.Prefill(gpu, cache, [7, 8, 9], 64);
    }

    [Fact]
    public void Forward_AfterAnIllegalAddress_IsLostForGood()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(LosesDevice) == "1", $"Costs its process the GPU: {nameof(Forward_DeviceLost_InAProcessOfItsOwn)} starts one for it.");
        CudaDevice device = Gpu.Required();
        CudaModelRunner gpu = CudaRunners.Demo("int4", 16 * MiB), other = CudaRunners.Demo("int4", 16 * MiB);
        SequenceCache cache = Sequences.NewCache(gpu);
        Sequences.Prefill(gpu, cache, [7, 8, 9], 64);
        var kernels = new ModelKernels(device, Gpu.Compiler(), 64);
        using (var stream = new CudaStream())
        {
            kernels.Launch(stream, new ModelKernels.Embed { Table = 64, Tokens = 64, Hidden = 64, Width = 64 }, 1);
            var batch = new StepBatch();
            batch.Add(cache, 7, wantsLogits: true);
            var lost = Assert.Throws<DeviceLostException>(() =>
            {
                // The error comes out at whatever call is next once the kernel has run.
                while (!TestContext.Current.CancellationToken.IsCancellationRequested)
                {
                    gpu.Forward(batch);
                    batch.Clear();
                    batch.Add(cache, 7, wantsLogits: true);
                }
            });
            Assert.Matches("^The GPU is lost to this process: cu[A-Za-z_0-9]+ failed: CUDA_ERROR_ILLEGAL_ADDRESS", lost.Message);
            Assert.Same(lost, Assert.Throws<DeviceLostException>(() => gpu.Forward(batch)));
        }

        using SequenceCache second = Sequences.NewCache(other);
        var next = new StepBatch();
        next.Add(second, 7, wantsLogits: true);
        Assert.Throws<DeviceLostException>(() => other.Forward(next));
        cache.Dispose();
        gpu.Dispose();
        other.Dispose();
    }

    /// <summary>Takes what is free, down to the smallest piece that the driver still gives.</summary>
    private static void Fill(List<DeviceMemory> ballast)
    {
        for (long bytes = 1L << 36; bytes >= 1 << 16;)
        {
            try
            {
                ballast.Add(new DeviceMemory(bytes));
            }
            catch (CudaException error) when (error.IsOutOfMemory)
            {
                bytes /= 2;
            }
        }
    }
}
