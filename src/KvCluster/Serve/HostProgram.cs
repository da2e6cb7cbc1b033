using System.Diagnostics;

namespace KvCluster.CommandLine.Serve;

/// <summary>A host's own program, which is beside this one.</summary>
internal static class HostProgram
{
    /// <param name="host">A type of the host's assembly.</param>
    /// <param name="arguments">Of its command line.</param>
    /// <returns>What starts it as this process was: by <c>dotnet</c>, or by itself. Its output comes here.</returns>
    public static ProcessStartInfo Start(Type host, IEnumerable<string> arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, host.Assembly.GetName().Name!);
        bool isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        var start = new ProcessStartInfo(isHosted ? Environment.ProcessPath! : program) { RedirectStandardOutput = true };
        if (isHosted)
        {
            start.ArgumentList.Add(program + ".dll");
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }
}
