namespace KvCluster.KvStore.Traces.Generation;

/// <summary>Draws 0, 1, 2 … with weights 1, 1/2^s, 1/3^s …</summary>
internal sealed class ZipfTable
{
    private readonly double[] _cumulative;

    public ZipfTable(int count, double exponent)
    {
        _cumulative = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += Math.Pow(i + 1, -exponent);
            _cumulative[i] = sum;
        }
    }

    public int Draw(Random random)
    {
        int index = Array.BinarySearch(_cumulative, random.NextDouble() * _cumulative[^1]);
        return Math.Min(index < 0 ? ~index : index, _cumulative.Length - 1);
    }
}
