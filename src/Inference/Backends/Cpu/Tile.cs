namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Where a kernel reads rows and writes results.</summary>
/// <param name="A">First element of the first row.</param>
/// <param name="RowStrideA">Floats from row to row of A.</param>
/// <param name="RowStrideC">Floats from row to row of the results.</param>
/// <param name="Depth">Elements of a row to multiply: the length of the chain, or of its next piece.</param>
/// <param name="Resumes">The results hold the chain so far.</param>
internal readonly unsafe record struct Tile(nint A, nint RowStrideA, nint RowStrideC, int Depth, bool Resumes)
{
    /// <summary>Weights that will be wanted next, to be fetched meanwhile.</summary>
    public nint Upcoming { get; init; }

    public int UpcomingSizeBytes { get; init; }

    public float* Rows => (float*)A;
}
