using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Turns rows of a bfloat16 panel into rows of floats.</summary>
internal static unsafe class PanelExpansion
{
    public static void Expand(byte* panel, int depth, float* expanded)
    {
        for (int k = 0; k < depth; k++)
        {
            BFloat16Panel.Load(panel, out Vector256<float> low, out Vector256<float> high);
            low.Store(expanded);
            high.Store(expanded + 8);
            panel += BFloat16Panel.RowSizeBytes;
            expanded += PackedMatrix.PanelWidth;
        }
    }
}
