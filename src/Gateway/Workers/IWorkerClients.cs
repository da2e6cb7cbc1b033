namespace KvCluster.Gateway.Workers;

/// <summary>Clients of workers by address.</summary>
internal interface IWorkerClients
{
    public V1.Prefill.PrefillClient Prefill(string address);

    public V1.Decode.DecodeClient Decode(string address);

    public V1.KvStore.KvStoreClient KvStore(string address);
}
