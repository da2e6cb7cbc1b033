using Grpc.Core;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>The service of decode.proto.</summary>
internal sealed class DecodeService(DecodeParts parts, CallDrain drain) : Decode.DecodeBase
{
    public override async Task Decode(
        IAsyncStreamReader<DecodeCommand> requestStream, IServerStreamWriter<DecodeEvent> responseStream, ServerCallContext context)
    {
        if (!drain.TryEnter())
        {
            throw RequestErrors.Draining();
        }

        var status = StatusCode.OK;
        try
        {
            await new DecodeCall(parts, requestStream, responseStream, context.CancellationToken).RunAsync();
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
