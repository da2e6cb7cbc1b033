using System.CommandLine;
using KvCluster.Inference.Engine;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--backend NAME</c>: what models are computed on.</summary>
internal static class BackendOption
{
    public const string Default = "cpu";

    public static Option<string> Create()
    {
        Option<string> option = new("--backend") { HelpName = "cpu|cuda", Description = "What the workers compute on", DefaultValueFactory = _ => Default };
        option.AcceptOnlyFromAmong([.. WorkerModel.Backends]);
        return option;
    }
}
