using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>How cuBLASLt computes one shape. It sees columns where we have rows: output transposed = weights * input transposed.</summary>
internal sealed unsafe class GemmPlan : IDisposable
{
    private const int CandidateCount = 24;
    private const int TrialCount = 4;

    private readonly CublasLtObject _description;
    private readonly CublasLtObject _layoutA;
    private readonly CublasLtObject _layoutB;
    private readonly CublasLtObject _layoutD;
    private readonly string _shape;
    private readonly float _beta;
    private readonly List<CublasLt.MatmulAlgorithm> _candidates = [];
    private CublasLt.MatmulAlgorithm _algorithm;

    public GemmPlan(nint library, long workspaceBytes, int rows, int columns, int depth, GemmOutput kind)
    {
        _shape = $"{rows} x {columns} x {depth}, {kind}";
        _beta = kind == GemmOutput.AddToSingle ? 1 : 0;
        int type = kind == GemmOutput.BrainFloat ? CublasLt.BrainFloat : CublasLt.Single;
        Check(CublasLt.DescriptionCreate(out nint description, CublasLt.Compute32, CublasLt.Single), "cublasLtMatmulDescCreate");
        _description = new CublasLtObject(description, CublasLt.DescriptionDestroy);
        int transposed = CublasLt.Transposed;
        Check(CublasLt.DescriptionSetAttribute(description, CublasLt.TransposeA, &transposed, sizeof(int)), "cublasLtMatmulDescSetAttribute");
        _layoutA = Layout(CublasLt.BrainFloat, depth, columns);
        _layoutB = Layout(CublasLt.BrainFloat, depth, rows);
        _layoutD = Layout(type, columns, rows);
        Check(CublasLt.PreferenceCreate(out nint created), "cublasLtMatmulPreferenceCreate");
        using var preference = new CublasLtObject(created, CublasLt.PreferenceDestroy);
        ulong workspace = (ulong)workspaceBytes;
        Check(CublasLt.PreferenceSetAttribute(created, CublasLt.MaxWorkspaceBytes, &workspace, sizeof(ulong)), "cublasLtMatmulPreferenceSetAttribute");
        CublasLt.MatmulHeuristic* best = stackalloc CublasLt.MatmulHeuristic[CandidateCount];
        int status = CublasLt.GetHeuristic(
            library, description, _layoutA.Value, _layoutB.Value, _layoutD.Value, _layoutD.Value, created, CandidateCount, best, out int found);
        Check(status, "cublasLtMatmulAlgoGetHeuristic");
        if (found == 0)
        {
            throw new CudaException("CUBLAS_STATUS_NOT_SUPPORTED", "cublasLtMatmulAlgoGetHeuristic", _shape);
        }

        for (int i = 0; i < found; i++)
        {
            _candidates.Add(best[i].Algorithm);
        }

        _algorithm = _candidates[0];
    }

    /// <summary>Tries what cuBLASLt proposes, with weights that are in no cache, and keeps what took the least time; waits for the device.</summary>
    /// <param name="library">Handle.</param>
    /// <param name="stream">Not being captured.</param>
    /// <param name="weights">As in <see cref="Run"/>, and so on.</param>
    /// <param name="input">Its numbers do not matter.</param>
    /// <param name="scratch">Takes the outputs, and is larger than the device's cache.</param>
    /// <param name="workspace">As in <see cref="Run"/>.</param>
    public void ChooseFastest(nint library, CudaStream stream, ulong weights, ulong input, DeviceMemory scratch, DeviceMemory workspace)
    {
        using CudaEvent start = new(isTimed: true), end = new(isTimed: true);
        CublasLt.MatmulAlgorithm fastest = _algorithm;
        TimeSpan least = TimeSpan.MaxValue;
        foreach (CublasLt.MatmulAlgorithm candidate in _candidates)
        {
            _algorithm = candidate;
            for (int round = 0; round < TrialCount; round++)
            {
                stream.Fill(scratch.Address, 0, scratch.SizeBytes);
                start.Record(stream);
                Run(library, stream, weights, input, scratch.Address, workspace);
                end.Record(stream);
                end.Synchronize();
                if (round > 0 && end.Since(start) < least)
                {
                    least = end.Since(start);
                    fastest = candidate;
                }
            }
        }

        _algorithm = fastest;
    }

    public void Run(nint library, CudaStream stream, ulong weights, ulong input, ulong output, DeviceMemory workspace)
    {
        float alpha = 1, beta = _beta;
        fixed (CublasLt.MatmulAlgorithm* algorithm = &_algorithm)
        {
            int status = CublasLt.Matmul(
                library,
                _description.Value,
                &alpha,
                weights,
                _layoutA.Value,
                input,
                _layoutB.Value,
                &beta,
                output,
                _layoutD.Value,
                output,
                _layoutD.Value,
                algorithm,
                workspace.Address,
                (nuint)workspace.SizeBytes,
                stream.Value);
            Check(status, "cublasLtMatmul");
        }
    }

    public void Dispose()
    {
        _description.Dispose();
        _layoutA.Dispose();
        _layoutB.Dispose();
        _layoutD.Dispose();
    }

    private CublasLtObject Layout(int type, int rows, int columns)
    {
        Check(CublasLt.LayoutCreate(out nint layout, type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
        return new CublasLtObject(layout, CublasLt.LayoutDestroy);
    }

    private void Check(int status, string call) => CublasLt.ThrowOn(status, call, _shape);
}
