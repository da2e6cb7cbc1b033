using System.CommandLine;
using System.Globalization;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store pin</c> and <c>kvcluster store unpin</c>.</summary>
internal static class PinCommand
{
    private const string About = """
        Keeps Blocks of a running shard from being evicted for some time: the Blocks named, or those of a prompt, e.g. a system prompt, as the model sees
        it. Of several shards each pins what it holds. Prints the pin's id, for unpin; exit code 1 when the shard holds none of them, or when pins would take
        more of its memory than KvStore:MaxPinnedShare.

        Examples:
          kvcluster store pin http://127.0.0.1:8083 5d1f0c6ab7e2f8430a9c1d2e3f405162 --for 8h
          kvcluster store pin http://127.0.0.1:8083 --prompt "$(cat system.txt)" --model /models/qwen3 --kv zipcache
        """;

    public static Command Create()
    {
        Argument<string> address = new("ADDRESS") { Description = "The shard's gRPC address" };
        Argument<string[]> blocks = new("BLOCKID") { Description = "32 hexadecimal digits each", Arity = ArgumentArity.ZeroOrMore };
        Option<string?> prompt = new("--prompt") { HelpName = "TEXT", Description = "Pins the full Blocks of this text instead, for --model, --kv and --tenant as they are served" };
        Option<string> time = new("--for") { HelpName = "TIME", Description = "How long, at most KvStore:MaxPinTime: 90s, 30m, 8h or 1d", DefaultValueFactory = _ => "1h" };
        Option<string> tenant = new("--tenant") { HelpName = "NAME", Description = "Whose prompt it is (default: nobody's)", DefaultValueFactory = _ => "" };
        Option<string?> model = ModelOption.Create();
        Option<string> kv = KvOption.Create();
        var command = new Command("pin", About) { address, blocks, prompt, time, tenant, model, kv };
        command.SetAction((parsed, cancellationToken) =>
        {
            string[] names = parsed.GetValue(blocks) ?? [];
            string? text = parsed.GetValue(prompt);
            if (names.Length > 0 == (text is not null))
            {
                throw new BadArgumentException("pin: name the Blocks, or give a --prompt");
            }

            BlockId[] ids = text is null
                ? [.. names.Select(GetCommand.ParseId).Distinct()]
                : BlocksOf(text, parsed.GetRequiredValue(tenant), ModelOption.Resolve(parsed.GetValue(model)), KvOption.Canonical(parsed.GetRequiredValue(kv)));
            return RunAsync(parsed.GetRequiredValue(address), ids, ParseTime(parsed.GetRequiredValue(time)), cancellationToken);
        });
        return command;
    }

    public static Command CreateUnpin()
    {
        Argument<string> address = new("ADDRESS") { Description = "The shard's gRPC address" };
        Argument<string> pin = new("PINID") { Description = "As pin has printed it; one that is over is no error" };
        var command = new Command("unpin", "Ends a pin before its time") { address, pin };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var shard = new Shard(parsed.GetRequiredValue(address));
            await shard.Client.UnpinAsync(new V1.UnpinRequest { PinId = parsed.GetRequiredValue(pin) }, cancellationToken: cancellationToken);
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<int> RunAsync(string address, BlockId[] ids, TimeSpan time, CancellationToken cancellationToken)
    {
        using var shard = new Shard(address);
        var request = new V1.PinRequest { PinMs = (long)time.TotalMilliseconds, Every = true };
        request.BlockIds.AddRange(ids.ToByteStrings());
        V1.PinReply pin = await shard.Client.PinAsync(request, cancellationToken: cancellationToken);
        if (pin.PinnedBlockCount == 0)
        {
            await Console.Error.WriteLineAsync($"kvcluster: {address} holds none of these {ids.Length:N0} Blocks");
            return ExitCode.Failed;
        }

        Console.WriteLine($"{pin.PinnedBlockCount:N0} of {ids.Length:N0} Blocks pinned for {time}: {pin.PinId}");
        return ExitCode.Done;
    }

    /// <exception cref="BadArgumentException">It is shorter than a Block.</exception>
    private static BlockId[] BlocksOf(string text, string tenant, string modelFolder, string spec)
    {
        using EvalModel model = EvalModel.Open(modelFolder);
        int[] tokenIds = model.Tokens(text);
        BlockId[] ids = BlockIdChain.FullBlocks(BlockIdChain.Root(tenant, model.Fingerprint, model.Codec(spec).Fingerprint), tokenIds);
        return ids.Length > 0
            ? ids
            : throw new BadArgumentException($"--prompt: {tokenIds.Length} tokens fill no Block of {KvGeometry.BlockTokenCount}");
    }

    private static TimeSpan ParseTime(string text)
    {
        double secondsOfUnit = text.Length > 1 ? char.ToLowerInvariant(text[^1]) switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86_400, _ => 0 } : 0;
        bool isNumber = double.TryParse(text.AsSpan(0, Math.Max(0, text.Length - 1)), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count);
        double seconds = isNumber ? count * secondsOfUnit : 0;
        return seconds is >= 0.001 and < int.MaxValue
            ? TimeSpan.FromSeconds(seconds)
            : throw new BadArgumentException($"--for: must be a time, e.g. 90s, 30m, 8h or 1d, not '{text}'");
    }
}
