namespace KvCluster.Inference.Backends.Cpu;

/// <summary>What happens to a query or key head between projection and attention.</summary>
internal static unsafe class HeadRotation
{
    /// <summary>Norm of the head (where the model has one), then rotary embedding for the row's position.</summary>
    public static void Rotate(float* head, float[]? norm, float epsilon, Activations activations, int row, float* result)
    {
        int half = activations.RotaryHalf;
        if (norm is null)
        {
            new ReadOnlySpan<float>(head, 2 * half).CopyTo(new Span<float>(result, 2 * half));
        }
        else
        {
            RowMath.RmsNorm(head, norm, epsilon, result);
        }

        RowMath.Rotate(result, activations.Cos + ((long)row * half), activations.Sin + ((long)row * half), half);
    }
}
