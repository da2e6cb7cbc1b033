using Grpc.Core;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>The service of decode.proto.</summary>
internal sealed class DecodeService(DecodeParts parts, CallDrain drain, HostFault fault) : Decode.DecodeBase
{
    public override async Task Decode(
        IAsyncStreamReader<DecodeCommand> requestStream, IServerStreamWriter<DecodeEvent> responseStream, ServerCallContext context)
    {
        if (!drain.TryEnter())
        {
            throw RequestErrors.Draining();
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, fault.Raised);
        var status = StatusCode.OK;
        try
        {
            await new DecodeCall(parts, requestStream, responseStream, either.Token).RunAsync();
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            status = StatusCode.Cancelled;
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller went away"));
        }
        catch (Exception) when (fault.Raised.IsCancellationRequested)
        {
            status = StatusCode.Unavailable;
            throw RequestErrors.Gone();
        }
        catch (RpcException error)
        {
            status = error.StatusCode;
            throw;
        }
        catch (Exception)
        {
            status = StatusCode.Unknown;
            throw;
        }
        finally
        {
            drain.Leave();
            parts.Metrics.RecordRequest(status.ToString());
        }
    }
}
