using KvCluster.Inference.Engine;
using KvCluster.PrefillWorker.Engine;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Grpc;

/// <summary>What every Prefill call works with.</summary>
internal sealed record PrefillParts(
    PrefillWorkerOptions Options,
    WorkerModel Model,
    KvAdmission Admission,
    LoadGauge Load,
    PrefillEngine Engine,
    KvStoreShards Store,
    DecodeWorkers DecodeWorkers,
    PrefillMetrics Metrics,
    TimeProvider Time,
    ILogger<PrefillService> Log);
