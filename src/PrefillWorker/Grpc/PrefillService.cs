using Grpc.Core;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Grpc;

/// <summary>The service of prefill.proto.</summary>
internal sealed class PrefillService(PrefillParts parts, CallDrain drain) : Prefill.PrefillBase
{
    public override async Task Prefill(
        PrefillRequest request, IServerStreamWriter<PrefillEvent> responseStream, ServerCallContext context)
    {
        if (!drain.TryEnter())
        {
            throw RequestErrors.Draining();
        }

        var status = StatusCode.OK;
        try
        {
            await new PrefillCall(parts, request, responseStream, context.CancellationToken).RunAsync();
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            status = StatusCode.Cancelled;
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller went away"));
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
