namespace KvCluster.Inference.Calibration;

/// <summary>Calibration can't go on. The message is one line for the user.</summary>
public sealed class CalibrationException(string message) : Exception(message);
