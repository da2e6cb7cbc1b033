using System.CommandLine;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--model DIR</c>; without it the demo model that ships with the project.</summary>
internal static class ModelOption
{
    private const string DemoFolder = "models/demo/model";

    public static Option<string?> Create() => new("--model")
    {
        HelpName = "DIR",
        Description = "Hugging Face folder of the model (default: the demo model that ships with the project)",
    };

    /// <summary>The folder given, or the demo model beside the program or above the current folder.</summary>
    public static string Resolve(string? folder)
    {
        if (folder is not null)
        {
            return Directory.Exists(folder) ? folder : throw new BadArgumentException($"--model: there is no folder '{folder}'");
        }

        foreach (string start in (string[])[Directory.GetCurrentDirectory(), AppContext.BaseDirectory])
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                string demo = Path.Combine(at.FullName, DemoFolder);
                if (Directory.Exists(demo))
                {
                    return demo;
                }
            }
        }

        throw new BadArgumentException($"--model: the demo model ({DemoFolder}) is not here; name a model folder");
    }
}
