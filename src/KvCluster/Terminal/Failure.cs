using System.Net.Sockets;
using Grpc.Core;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.CommandLine.Terminal;

/// <summary>A failure that the user can act on, in one line. What is not described here is a bug and keeps its stack trace.</summary>
internal sealed record Failure(string Message, int ExitCode)
{
    public static Failure? Describe(Exception exception) => exception switch
    {
        BadArgumentException or CodecSpecException => new(exception.Message, Terminal.ExitCode.BadArguments),
        HostStartException start => new(start.Message, start.ExitCode),
        CalibrationException => new(exception.Message, Terminal.ExitCode.Failed),
        ModelLoadException => new(exception.Message, Terminal.ExitCode.Failed),
        RpcException rpc => new($"the server answered {rpc.StatusCode}: {rpc.Status.Detail}", Terminal.ExitCode.Failed),
        IOException or UnauthorizedAccessException or SocketException => new(exception.Message, Terminal.ExitCode.Failed),
        OperationCanceledException => new("stopped", Terminal.ExitCode.Failed),
        _ => null,
    };
}
