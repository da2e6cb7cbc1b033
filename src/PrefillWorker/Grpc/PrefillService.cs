using Grpc.Core;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Grpc;

/// <summary>The service of prefill.proto.</summary>
internal sealed class PrefillService(PrefillParts parts, CallDrain drain, HostFault fault) : Prefill.PrefillBase
{
    public override async Task Prefill(
        PrefillRequest request, IServerStreamWriter<PrefillEvent> responseStream, ServerCallContext context)
    {
        if (!drain.TryEnter())
        {
            throw RequestErrors.Draining();
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, fault.Raised);
        var status = StatusCode.OK;
        try
        {
            await new PrefillCall(parts, request, responseStream, either.Token).RunAsync();
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
