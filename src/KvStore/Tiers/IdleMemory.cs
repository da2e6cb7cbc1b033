using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// The part of a budget that is not for slabs but for memory that the pool holds idle: for slabs that come next, and between slabs where nothing fits.
/// So a tier takes no more than its budget, whatever sizes come and go.
/// </summary>
internal sealed class IdleMemory
{
    /// <summary>Smaller budgets are for slabs alone: the pool's own steps are as large as they are.</summary>
    private const long MinBudgetBytes = 16 << 20;

    private const int BudgetShare = 16;
    private const int MaxBudgetShare = 4;

    private readonly SlabPool _pool;
    private readonly long _maxBytes;
    private readonly long _plannedBytes;

    private IdleMemory(SlabPool pool, long budgetBytes)
    {
        _pool = pool;
        _maxBytes = budgetBytes / MaxBudgetShare;
        _plannedBytes = Math.Min(budgetBytes / BudgetShare, SlabPool.DefaultMaxRetainedBytes);
    }

    /// <summary>What is idle now, and at least what may be at any time; never more than a quarter of the budget, for the pool may serve others too.</summary>
    public long ReservedBytes => Math.Min(Math.Max(_plannedBytes, _pool.RetainedBytes), _maxBytes);

    /// <summary>Null when the budget is too small to be split. Tells the pool to keep no more than was planned.</summary>
    public static IdleMemory? Plan(SlabPool pool, long budgetBytes)
    {
        if (budgetBytes < MinBudgetBytes)
        {
            return null;
        }

        var idle = new IdleMemory(pool, budgetBytes);
        pool.MaxRetainedBytes = Math.Min(pool.MaxRetainedBytes, idle._plannedBytes);
        return idle;
    }
}
