using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Generation;
using KvCluster.V1;

namespace KvCluster.Gateway.Metrics;

/// <summary>Measures one request. Disposed without an end, the request was cancelled by its client.</summary>
internal sealed class RequestMeter(GatewayMetrics metrics, string model, TimeProvider time) : IDisposable
{
    private readonly KeyValuePair<string, object?> _model = new("model", model);
    private string _outcome = "cancelled";
    private ReplyBuilder? _builder;
    private bool _hasTokens;

    public long ArrivedAt { get; } = time.GetTimestamp();

    /// <summary>Takes in an update that <paramref name="builder"/> has just added.</summary>
    public void Note(ReplyBuilder builder)
    {
        if (builder.TokenGap is { } gap)
        {
            (_hasTokens ? metrics.TimeBetweenTokens : metrics.TimeToFirstToken).Record(gap.TotalSeconds, _model);
            _hasTokens = true;
        }

        _builder = builder;
    }

    public void Finish(GenerateReply last)
    {
        _outcome = last.FinishReason == FinishReason.Length ? "length" : "stop";
        metrics.EndToEnd.Record(time.GetElapsedTime(ArrivedAt).TotalSeconds, _model);
        metrics.PromptTokens.Add(last.Usage.PromptTokens, _model);
        metrics.CachedTokens.Add(last.Usage.CachedTokens, _model);
    }

    /// <returns>The exception that ends the request.</returns>
    public RequestFailedException Fail(RequestError error)
    {
        _outcome = error.Kind switch
        {
            RequestErrorKind.Overloaded => "overloaded",
            RequestErrorKind.Unavailable => "unavailable",
            RequestErrorKind.Internal => "error",
            _ => "refused",
        };
        return new RequestFailedException(error);
    }

    public void Dispose()
    {
        metrics.Requests.Add(1, _model, new KeyValuePair<string, object?>("outcome", _outcome));
        if (_builder is null)
        {
            return;
        }

        metrics.GenerationTokens.Add(_builder.TokenCount, _model);
        metrics.TakeOvers.Add(_builder.Progress.TakeOverCount, _model);
        metrics.PrefillRetries.Add(_builder.Progress.PrefillRetryCount, _model);
        metrics.KvBytes.Add(_builder.Progress.KvBytesSent, _model, new KeyValuePair<string, object?>("direction", "sent"));
        metrics.KvBytes.Add(_builder.Progress.KvBytesReceived, _model, new KeyValuePair<string, object?>("direction", "received"));
    }
}
