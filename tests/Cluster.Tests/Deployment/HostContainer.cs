using KvCluster.DecodeWorker;
using KvCluster.Gateway;
using KvCluster.KvStore.Hosting;
using KvCluster.PrefillWorker;
using YamlDotNet.RepresentationModel;

namespace KvCluster.Cluster.Tests.Deployment;

/// <summary>A container of a rendered manifest that runs one of our hosts, and the options type of that host.</summary>
internal sealed record HostContainer(string Workload, string Assembly, Type Options, YamlNode Container, YamlNode Pod)
{
    private static readonly Dictionary<string, Type> OptionsOfHost = new()
    {
        ["KvCluster.Gateway"] = typeof(GatewayOptions),
        ["KvCluster.KvStore"] = typeof(KvStoreOptions),
        ["KvCluster.PrefillWorker"] = typeof(PrefillWorkerOptions),
        ["KvCluster.DecodeWorker"] = typeof(DecodeWorkerOptions),
    };

    public static IReadOnlyList<HostContainer> Of(IEnumerable<YamlMappingNode> objects) =>
    [
        .. from item in objects
           where item.Text("kind") is "Deployment" or "StatefulSet"
           let pod = item.At("spec", "template", "spec")!
           from container in pod.Items("containers")
           where container.Text("image").StartsWith("kvcluster", StringComparison.Ordinal)
           let assembly = Path.GetFileNameWithoutExtension(((YamlScalarNode)container.Items("command").Last()).Value!)
           select new HostContainer(item.Text("metadata", "name"), assembly, OptionsOfHost[assembly], container, pod),
    ];

    /// <summary>Names and values of its KVCLUSTER_ variables, prefix removed; those of the shared settings included.</summary>
    public IEnumerable<(string Name, string Value)> Settings(YamlNode configMap) =>
        Container.Items("env").Where(entry => entry.At("value") is not null).Select(entry => (entry.Text("name"), entry.Text("value")))
            .Concat(((YamlMappingNode)configMap.At("data")!).Children.Select(entry => (((YamlScalarNode)entry.Key).Value!, ((YamlScalarNode)entry.Value).Value!)))
            .Where(entry => entry.Item1.StartsWith("KVCLUSTER_", StringComparison.Ordinal))
            .Select(entry => (entry.Item1["KVCLUSTER_".Length..], entry.Item2));
}
