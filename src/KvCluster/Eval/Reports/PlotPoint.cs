namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>A spec in the plot.</summary>
/// <param name="Label">Its spelling.</param>
/// <param name="BytesPerToken">Of a prompt of 4,096 tokens.</param>
/// <param name="Accuracy">Mean accuracy, 0 to 1.</param>
internal readonly record struct PlotPoint(string Label, double BytesPerToken, double Accuracy);
