namespace KvCluster.Inference.Calibration;

/// <summary>How far calibration is.</summary>
/// <param name="Phase">What is being done.</param>
/// <param name="Done">Of <paramref name="Total"/> pieces.</param>
/// <param name="Total">Pieces of this phase.</param>
public readonly record struct CalibrationProgress(string Phase, int Done, int Total);
