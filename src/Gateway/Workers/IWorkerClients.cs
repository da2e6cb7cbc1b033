namespace KvCluster.Gateway.Workers;

/// <summary>Clients of workers by address.</summary>
internal interface IWorkerClients
{
    V1.Prefill.PrefillClient Prefill(string address);

    V1.Decode.DecodeClient Decode(string address);

    V1.KvStore.KvStoreClient KvStore(string address);
}
