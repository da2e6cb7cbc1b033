using System.CommandLine;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;

namespace KvCluster.CommandLine.Generate;

/// <summary><c>kvcluster generate</c>.</summary>
internal static class GenerateCommand
{
    private const string About = """
        Answers one prompt, printing tokens as they come.

        Examples:
          kvcluster generate --prompt "Tell me a short story about a fox named Ada."
          kvcluster generate --text "Once upon a time" --max-tokens 40
          kvcluster generate --prompt "Where is Ada?" --server http://127.0.0.1:8081 --temperature 0.7 --seed 1
        """;

    public static Command Create()
    {
        Option<string?> prompt = new("--prompt") { HelpName = "TEXT", Description = "A user message, put into the model's chat template" };
        Option<string?> text = new("--text") { HelpName = "TEXT", Description = "Text to continue as it is, instead of --prompt" };
        Option<int?> maxTokens = new("--max-tokens") { HelpName = "N", Description = "Most tokens to generate (default: 256)", DefaultValueFactory = _ => 256 };
        Option<float> temperature = new("--temperature") { HelpName = "T", Description = "0 is greedy", DefaultValueFactory = _ => 0 };
        Option<float> topP = new("--top-p") { HelpName = "P", Description = "Smallest set of tokens of this probability", DefaultValueFactory = _ => 1 };
        Option<int> topK = new("--top-k") { HelpName = "K", Description = "The K likeliest tokens; 0 is all", DefaultValueFactory = _ => 0 };
        Option<ulong?> seed = new("--seed") { HelpName = "N", Description = "The same seed gives the same tokens (default: at random)" };
        Option<string[]> stop = new("--stop") { HelpName = "TEXT", Description = "Ends the answer before this text; may be repeated" };
        Option<bool> usage = new("--usage") { Description = "Prints tokens, bytes of KV moved and times to stderr at the end" };
        Option<string?> model = ModelOption.Create();
        Option<string> kv = KvOption.Create();
        Option<string?> server = ServerOption.Create();
        var command = new Command("generate", About) { prompt, text, maxTokens, temperature, topP, topK, seed, stop, usage, model, kv, server };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(prompt) is null) == (result.GetValue(text) is null))
            {
                result.AddError("give either --prompt or --text");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var sampling = new V1.Sampling
            {
                Temperature = parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                TopK = parsed.GetValue(topK),
                Stop = { parsed.GetValue(stop) ?? [] },
            };
            if (parsed.GetValue(maxTokens) is { } most)
            {
                sampling.MaxTokens = most;
            }

            if (parsed.GetValue(seed) is { } fixedSeed)
            {
                sampling.Seed = fixedSeed;
            }

            V1.GenerateRequest request = Request(parsed.GetValue(prompt), parsed.GetValue(text), sampling);
            string? address = parsed.GetValue(server);
            var embedded = new ClusterOptions
            {
                ModelFolder = address is null ? ModelOption.Resolve(parsed.GetValue(model)) : "",
                KvSpec = KvOption.Canonical(parsed.GetRequiredValue(kv)),
            };
            await using Connection connection = await Connection.OpenAsync(address, embedded, cancellationToken);
            return await AnswerPrinter.RunAsync(connection.Inference, request, parsed.GetValue(usage), cancellationToken);
        });
        return command;
    }

    private static V1.GenerateRequest Request(string? prompt, string? text, V1.Sampling sampling)
    {
        var request = new V1.GenerateRequest { Sampling = sampling };
        if (text is not null)
        {
            request.Text = text;
        }
        else
        {
            request.Chat = new V1.ChatMessages { Messages = { new V1.ChatMessage { Role = "user", Content = prompt } } };
        }

        return request;
    }
}
