using KvCluster.DecodeWorker.Direct;
using KvCluster.DecodeWorker.Engine;
using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>What every Decode call works with.</summary>
internal sealed record DecodeParts(
    DecodeWorkerOptions Options,
    WorkerModel Model,
    KvAdmission Admission,
    LoadGauge Load,
    DecodeEngine Engine,
    KvStoreShards Store,
    DirectHandOvers Direct,
    DecodeMetrics Metrics,
    TimeProvider Time,
    ILogger<DecodeService> Log);
