namespace KvCluster.Inference.Backends.Cpu;

/// <summary>What happens to a query or key head between projection and attention.</summary>
internal static unsafe class HeadRotation
{
    /// <summary>Norm of the head (where the model has one), then rotary embedding for the row's position.</summary>
    public static void Rotate(float* head, float[]? norm, float epsilon, Activations activations, int row, float* result)
    {
        int half = activations.RotaryHalf;
        if (norm is not null)
        {
            RowMath.RmsNorm(head, norm, epsilon, result);
            head = result;
        }

        RowMath.Rotate(head, activations.Cos + ((long)row * half), activations.Sin + ((long)row * half), half, result);
    }
}
