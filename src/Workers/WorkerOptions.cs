using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Options;
using KvCluster.V1;

namespace KvCluster.Workers;

/// <summary>What the options of both workers mean.</summary>
internal static class WorkerOptions
{
    /// <summary>
    /// Settings of appsettings.json, <c>KVCLUSTER_</c> variables and the command line, later ones first; each may be written with or
    /// without the section: <c>--ModelFolder DIR</c> or <c>--PrefillWorker:ModelFolder DIR</c>.
    /// </summary>
    /// <exception cref="HostStartException">One line with every fault.</exception>
    public static TOptions Bind<TOptions>(string[] args, string section)
        where TOptions : class, IValidatedOptions, new()
    {
        return OptionsBinder.Bind<TOptions>(ServiceHost.CreateBuilder(args).Configuration, section);
    }

    public static string WorkerIdOf(string configured, string role) =>
        configured.Length > 0 ? configured : $"{role}-{Environment.MachineName}";

    /// <summary>0 means a quarter of the memory that the process may use.</summary>
    public static long KvBudgetBytesOf(long configured) =>
        configured > 0 ? configured : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

    /// <summary>What a worker takes on at once.</summary>
    /// <param name="model">With the device that it runs on.</param>
    /// <param name="maxSequences">As set.</param>
    /// <param name="stepTokens">Most prompt tokens of a step, as set.</param>
    /// <param name="kvBudgetBytes">As set.</param>
    public static WorkerLimits LimitsOf(WorkerModel model, int maxSequences, int stepTokens, long kvBudgetBytes) =>
        WorkerLimits.Of(model.Footprint, maxSequences, stepTokens, KvBudgetBytesOf(kvBudgetBytes));

    /// <summary>
    /// Slabs of a GPU's prompts come and go by the gigabyte. Memory that went back to the system in between would cost page faults, which take longer than the slabs' way here.
    /// </summary>
    public static void RetainSlabs(WorkerModel model, long kvBudgetBytes)
    {
        if (model.Runner.Pages is not null)
        {
            SlabPool.Shared.MaxRetainedBytes = Math.Max(SlabPool.Shared.MaxRetainedBytes, KvBudgetBytesOf(kvBudgetBytes) / 4);
        }
    }

    public static WorkerDescription Describe(WorkerModel model, string workerId, WorkerRole role, int maxSequences) => new()
    {
        WorkerId = workerId,
        Role = role,
        Model = model.Name,
        ModelFingerprint = model.Fingerprint,
        KvSpec = model.Codec.Spec,
        CodecFingerprint = model.Codec.Fingerprint,
        MaxContextTokens = model.MaxContextTokens,
        MaxSequences = maxSequences,
    };
}
