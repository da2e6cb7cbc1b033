using System.CommandLine;
using KvCluster.CommandLine.Terminal;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Serve;

/// <summary><c>kvcluster serve</c>.</summary>
internal static class ServeCommand
{
    private const string About = """
        Serves a model: everything in this process, or one role of a cluster. Secrets come from variables: KVCLUSTER_ApiKeys (tenant=key,tenant=key:
        who may call) and KVCLUSTER_EncryptionKeys (id=base64,id=base64: seals blocks on disk and in Redis).

        Examples:
          kvcluster serve                                   the demo model on http 8080 and gRPC 8081
          kvcluster serve --kv raw --prefill 2 --decode 2   two workers of each pool, KV in 16 bits
          kvcluster serve --shards 3 --replicas 2           three shards of the KvStore, each block on two of them
          kvcluster serve --backend cuda --devices 0,1      a GPU for prefill and one for decode
          kvcluster serve --handoff direct                  prefill workers send KV straight to decode workers
          kvcluster serve --data /var/lib/kvcluster         blocks on disk too: a restart keeps them
          kvcluster serve --redis 127.0.0.1:6379            a Redis that several KvStores share below memory and disk
          kvcluster serve --role gateway                    one of four terminals; the others:
          kvcluster serve --role kvstore
          kvcluster serve --role prefill --gateway http://127.0.0.1:8081
          kvcluster serve --role decode --gateway http://127.0.0.1:8081
        """;

    public static Command Create()
    {
        Option<string?> model = ModelOption.Create();
        Option<string> kv = KvOption.Create();
        Option<int> prefill = new("--prefill") { HelpName = "N", Description = "Prefill workers", DefaultValueFactory = _ => 1 };
        Option<int> decode = new("--decode") { HelpName = "N", Description = "Decode workers", DefaultValueFactory = _ => 1 };
        Option<int> shards = new("--shards") { HelpName = "N", Description = "Shards of the KvStore", DefaultValueFactory = _ => 1 };
        Option<int> replicas = new("--replicas") { HelpName = "N", Description = "Shards that keep each block, 1 or 2; also of a Gateway, for its cluster", DefaultValueFactory = _ => 1 };
        Option<string> backend = BackendOption.Create();
        Option<string> synthetic = SyntheticOption.Create();
        Option<string?> devices = DevicesOption.Create();
        Option<int> http = new("--http") { HelpName = "PORT", Description = "Port of the OpenAI API, /metrics, /healthz and /readyz", DefaultValueFactory = _ => 8080 };
        Option<int> grpc = new("--grpc") { HelpName = "PORT", Description = "Port of kvcluster.v1.Inference", DefaultValueFactory = _ => 8081 };
        Option<int> chunk = new("--kv-chunk") { HelpName = "TOKENS", Description = "Prompt tokens computed in one step", DefaultValueFactory = _ => 512 };
        Option<HandOffMode> handOff = new("--handoff")
        {
            HelpName = "WAY",
            Description = "How a prompt's KV goes from prefill to decode: store, direct (and to the store behind), or auto (the faster one)",
            DefaultValueFactory = _ => HandOffMode.Store,
        };
        Option<ServeRole> role = new("--role") { HelpName = "ROLE", Description = "all, gateway, kvstore, prefill or decode", DefaultValueFactory = _ => ServeRole.All };
        Option<string> gateway = new("--gateway") { HelpName = "URL", Description = "gRPC address of the Gateway, for the other three roles", DefaultValueFactory = _ => "http://127.0.0.1:8081" };
        Option<string?> listen = new("--listen") { HelpName = "URL", Description = "Where one of those three roles listens (default: kvstore 8083, prefill 8082, decode 8084)" };
        Option<string?> id = new("--id") { HelpName = "NAME", Description = "Name of one of those three, for several of a role on a machine (default: role and machine's name)" };
        Option<string> data = new("--data") { HelpName = "DIR", Description = "Keep blocks on disk too, over restarts (default: in memory only)", DefaultValueFactory = _ => "" };
        Option<string> redis = new("--redis") { HelpName = "HOST:PORT", Description = "Keep blocks in a Redis too (default: none)", DefaultValueFactory = _ => "" };
        prefill.AtLeast(1);
        decode.AtLeast(1);
        chunk.AtLeast(1);
        shards.AtLeast(1);
        replicas.AtLeast(1);
        replicas.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() > 2)
            {
                result.AddError("--replicas: must be 1 or 2");
            }
        });
        Port(http);
        Port(grpc);

        var command = new Command("serve", About) { model, kv, prefill, decode, shards, replicas, backend, devices, synthetic, http, grpc, chunk, handOff, data, redis, role, gateway, listen, id };
        command.SetAction((parsed, cancellationToken) =>
        {
            string spec = KvOption.Canonical(parsed.GetRequiredValue(kv));
            var options = new ClusterOptions
            {
                ModelFolder = ModelOption.Resolve(parsed.GetValue(model)),
                KvSpec = spec,
                Backend = parsed.GetRequiredValue(backend),
                Synthetic = SyntheticOption.Of(parsed.GetRequiredValue(synthetic), parsed.GetRequiredValue(backend)),
                Devices = DevicesOption.Of(parsed.GetValue(devices), parsed.GetRequiredValue(backend), parsed.GetRequiredValue(prefill) + parsed.GetRequiredValue(decode)),
                PrefillWorkerCount = parsed.GetRequiredValue(prefill),
                DecodeWorkerCount = parsed.GetRequiredValue(decode),
                ShardCount = parsed.GetRequiredValue(shards),
                KvReplicas = parsed.GetRequiredValue(replicas),
                HttpPort = parsed.GetRequiredValue(http),
                GrpcPort = parsed.GetRequiredValue(grpc),
                KvChunkTokens = parsed.GetRequiredValue(chunk),
                HandOff = parsed.GetRequiredValue(handOff),
                DataFolder = parsed.GetRequiredValue(data),
                RedisConnection = parsed.GetRequiredValue(redis),
                EncryptionKeys = Environment.GetEnvironmentVariable("KVCLUSTER_EncryptionKeys") ?? "",
                ApiKeys = Environment.GetEnvironmentVariable("KVCLUSTER_ApiKeys") ?? "",
                Host = "0.0.0.0",
            };
            ServeRole chosen = parsed.GetRequiredValue(role);
            return chosen is ServeRole.All
                ? ServeAllAsync(options, cancellationToken)
                : RoleHost.RunAsync(chosen, options, parsed.GetRequiredValue(gateway), parsed.GetValue(listen), parsed.GetValue(id), cancellationToken);
        });
        return command;
    }

    private static async Task<int> ServeAllAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(options, cancellationToken);
        if (cluster.AttendsDecoded)
        {
            Console.Error.WriteLine($"note: no GPU kernel reads '{options.KvSpec}'; its blocks travel encoded and are on the device in 16 bits, as what they decode to");
        }

        Console.WriteLine($"ready {cluster.HttpAddress} {cluster.GrpcAddress.Replace("http://", "grpc://", StringComparison.Ordinal)}");
        return await ShutdownSignal.WaitAsync(cluster.FaultAsync(), cancellationToken);
    }

    private static void Port(Option<int> option) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() is < 0 or > 65535)
        {
            result.AddError($"{option.Name}: must be a port, 0 to 65535");
        }
    });
}
