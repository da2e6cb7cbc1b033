using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>How one shape is computed: by cuBLASLt, which sees columns where we have rows (output transposed = weights * input transposed), or by our own kernel.</summary>
internal sealed unsafe class GemmPlan : IDisposable
{
    private const int CandidateCount = 24;
    private const int TrialCount = 4;

    private readonly CublasLtObject _description;
    private readonly CublasLtObject _layoutA;
    private readonly CublasLtObject _layoutB;
    private readonly CublasLtObject _layoutD;
    private readonly (int Rows, int Columns, int Depth, GemmOutput Kind) _shape;
    private readonly FewRowsGemm? _fewRows;
    private readonly float _beta;
    private readonly List<CublasLt.MatmulAlgorithm> _candidates = [];
    private CublasLt.MatmulAlgorithm _algorithm;
    private bool _usesFewRows;

    public GemmPlan(nint library, long workspaceBytes, FewRowsGemm? fewRows, int rows, int columns, int depth, GemmOutput kind)
    {
        _shape = (rows, columns, depth, kind);
        _fewRows = FewRowsGemm.Takes(rows, columns, depth) ? fewRows : null;
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
            throw new CudaException("CUBLAS_STATUS_NOT_SUPPORTED", "cublasLtMatmulAlgoGetHeuristic", _shape.ToString());
        }

        for (int i = 0; i < found; i++)
        {
            _candidates.Add(best[i].Algorithm);
        }

        _algorithm = _candidates[0];
    }

    /// <summary>Tries what cuBLASLt proposes and our own kernel, with weights that are in no cache, and keeps what took the least time; waits for the device.</summary>
    /// <param name="library">Handle.</param>
    /// <param name="stream">Not being captured.</param>
    /// <param name="weights">As in <see cref="Run"/>, and so on.</param>
    /// <param name="input">Its numbers do not matter.</param>
    /// <param name="scratch">Takes the outputs, and is larger than the device's cache.</param>
    /// <param name="workspace">As in <see cref="Run"/>.</param>
    public void ChooseFastest(nint library, CudaStream stream, ulong weights, ulong input, DeviceMemory scratch, DeviceMemory workspace)
    {
        using CudaEvent start = new(isTimed: true), end = new(isTimed: true);
        int fastest = 0;
        TimeSpan least = TimeSpan.MaxValue;
        for (int i = 0; i < _candidates.Count + (_fewRows is null ? 0 : 1); i++)
        {
            Use(i);
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
                    fastest = i;
                }
            }
        }

        Use(fastest);
    }

    public void Run(nint library, CudaStream stream, ulong weights, ulong input, ulong output, DeviceMemory workspace)
    {
        if (_usesFewRows)
        {
            _fewRows!.Multiply(stream, weights, input, output, _shape.Rows, _shape.Columns, _shape.Depth, _shape.Kind);
            return;
        }

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

    /// <summary>One of cuBLASLt's, or after them our own.</summary>
    private void Use(int candidate)
    {
        _usesFewRows = candidate == _candidates.Count;
        _algorithm = _usesFewRows ? _algorithm : _candidates[candidate];
    }

    private CublasLtObject Layout(int type, int rows, int columns)
    {
        Check(CublasLt.LayoutCreate(out nint layout, type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
        return new CublasLtObject(layout, CublasLt.LayoutDestroy);
    }

    private void Check(int status, string call) => CublasLt.ThrowOn(status, call, _shape.ToString());
}
