using KvCluster.KvStore.Hosting;
using KvCluster.ServiceDefaults.Hosting;

return await ServiceHost.RunAsync(() => KvStoreHost.Build(args));
