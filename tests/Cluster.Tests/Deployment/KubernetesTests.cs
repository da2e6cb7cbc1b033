using System.Globalization;
using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.KvStore.Hosting;
using KvCluster.ServiceDefaults.Streams;
using YamlDotNet.RepresentationModel;

namespace KvCluster.Cluster.Tests.Deployment;

/// <summary>Every port, path and variable that the manifests name exists in the code.</summary>
public sealed class KubernetesTests
{
    private static readonly string[] Overlays = ["base", "overlays/cpu", "overlays/nvidia"];

    [Fact]
    public async Task Kustomize_EveryOverlay_HasFourHostsAndRedis()
    {
        foreach (string overlay in Overlays)
        {
            IReadOnlyList<YamlMappingNode> objects = await Manifests.RenderAsync(overlay);

            string[] workloads = [.. objects.Where(item => item.Text("kind") is "Deployment" or "StatefulSet").Select(item => $"{item.Text("kind")}/{item.Text("metadata", "name")}").Order()];
            Assert.Equal(
                ["Deployment/decode-worker", "Deployment/gateway", "Deployment/prefill-worker", "StatefulSet/kvstore", "StatefulSet/redis"],
                workloads);
            Assert.Equal(4, HostContainer.Of(objects).Count);
        }
    }

    [Fact]
    public async Task Variables_OfEveryHost_AreOptionsOfThatHostOrOfAnother()
    {
        foreach (string overlay in Overlays)
        {
            IReadOnlyList<YamlMappingNode> objects = await Manifests.RenderAsync(overlay);
            YamlNode settings = objects.Single(item => item.Text("kind") == "ConfigMap");
            IReadOnlyList<HostContainer> hosts = HostContainer.Of(objects);
            foreach (HostContainer host in hosts)
            {
                foreach (YamlNode entry in host.Container.Items("env"))
                {
                    string name = entry.Text("name");
                    if (name.StartsWith("KVCLUSTER_", StringComparison.Ordinal))
                    {
                        Assert.True(host.Options.GetProperty(name["KVCLUSTER_".Length..]) is not null, $"{host.Workload}: {host.Options.Name} has no {name}");
                    }
                }
            }

            foreach (YamlNode key in ((YamlMappingNode)settings.At("data")!).Children.Keys)
            {
                string name = ((YamlScalarNode)key).Value!["KVCLUSTER_".Length..];
                Assert.True(hosts.Any(host => host.Options.GetProperty(name) is not null), $"no host has the shared option {name}");
            }
        }
    }

    [Fact]
    public async Task Ports_OfEveryHost_AreWhereItListensAndAreTheDefaults()
    {
        IReadOnlyList<YamlMappingNode> objects = await Manifests.RenderAsync("base");
        YamlNode settings = objects.Single(item => item.Text("kind") == "ConfigMap");
        foreach (HostContainer host in HostContainer.Of(objects))
        {
            (string Name, string Value)[] listening = [.. host.Settings(settings).Where(setting => setting.Name is "ListenAddress" or "HttpAddress" or "GrpcAddress")];
            Assert.NotEmpty(listening);
            object defaults = Activator.CreateInstance(host.Options)!;
            foreach ((string name, string value) in listening)
            {
                Assert.Equal(new Uri((string)host.Options.GetProperty(name)!.GetValue(defaults)!).Port, new Uri(value).Port);
            }

            string[] slabPorts = [.. host.Settings(settings).Where(setting => setting.Name == nameof(SlabEndpoint.SlabPort)).Select(setting => setting.Value)];
            var slabs = host.Options.GetProperty(nameof(KvStoreOptions.Slabs))?.GetValue(defaults) as SlabEndpoint;
            Assert.Equal(slabs is null ? [] : [slabs.Port.ToString(CultureInfo.InvariantCulture)], slabPorts);
            string[] listened = [.. listening.Select(setting => new Uri(setting.Value).Port.ToString()), .. slabPorts];
            string[] declared = [.. host.Container.Items("ports").Where(port => !port.Text("name").StartsWith("silo", StringComparison.Ordinal)).Select(port => port.Text("containerPort"))];
            Assert.Equal(listened.Order(), declared.Order());
            foreach (YamlNode service in objects.Where(item => item.Text("kind") == "Service" && item.At("spec", "selector", "app.kubernetes.io/name") is YamlScalarNode name && name.Value == host.Workload))
            {
                Assert.All(service.Items("spec", "ports"), port => Assert.Contains(port.Text("port"), declared));
            }
        }
    }

    [Fact]
    public async Task Pods_OfEveryHost_HaveProbesResourcesAndTimeToStop()
    {
        IReadOnlyList<YamlMappingNode> objects = await Manifests.RenderAsync("base");
        foreach (HostContainer host in HostContainer.Of(objects))
        {
            Assert.All(["startupProbe", "readinessProbe", "livenessProbe"], probe => Assert.NotNull(host.Container.At(probe)));
            Assert.NotNull(host.Container.At("resources", "requests"));
            Assert.True(int.Parse(host.Pod.Text("terminationGracePeriodSeconds")) >= 30);
        }
    }

    [Fact]
    public async Task Probes_OfARunningCluster_Answer()
    {
        IReadOnlyList<YamlMappingNode> objects = await Manifests.RenderAsync("base");
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        using var http = new HttpClient { BaseAddress = new Uri(cluster.HttpAddress) };
        foreach (HostContainer host in HostContainer.Of(objects))
        {
            foreach (string probe in (string[])["startupProbe", "readinessProbe", "livenessProbe"])
            {
                if (host.Container.At(probe, "httpGet", "path") is YamlScalarNode path)
                {
                    using HttpResponseMessage response = await http.GetAsync(new Uri(path.Value!, UriKind.Relative), TestContext.Current.CancellationToken);
                    Assert.True(response.IsSuccessStatusCode, $"{path.Value} answered {response.StatusCode}");
                }
            }
        }

        foreach (V1.WorkerStatus worker in (await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: TestContext.Current.CancellationToken)).Workers)
        {
            using Grpc.Net.Client.GrpcChannel channel = Protocol.GrpcChannels.Create(worker.Worker.Address);
            Grpc.Health.V1.HealthCheckResponse health = await new Grpc.Health.V1.Health.HealthClient(channel).CheckAsync(new Grpc.Health.V1.HealthCheckRequest(), cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        }
    }

    [Fact]
    public void Dockerfile_PublishesEveryHostOnPublishedPackages()
    {
        string dockerfile = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "Dockerfile"));

        Assert.Contains("-p:PublishedPackages=true", dockerfile, StringComparison.Ordinal);
        Assert.All(["Gateway", "PrefillWorker", "DecodeWorker", "KvStore"], host =>
        {
            Assert.Contains($" {host} ", dockerfile, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(RepositoryRoot.Path, "src", host, host + ".csproj")));
        });
    }
}
