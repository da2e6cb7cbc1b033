using System.Text;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Models;
using KvCluster.V1;

namespace KvCluster.Gateway.Generation;

/// <summary>Turns the updates of one request into replies: adds text, stop strings, usage and times.</summary>
internal sealed class ReplyBuilder
{
    private readonly GenerateCommand _command;
    private readonly AnswerText _text;
    private readonly TimeProvider _time;
    private readonly long _arrivedAt;
    private RequestProgress _progress = RequestProgress.None;
    private long _firstTokenAt;
    private long _lastTokenAt;
    private bool _hasReplied;

    public ReplyBuilder(GenerateCommand command, Sampling sampling, ServedModel model, TimeProvider time, long arrivedAt)
    {
        _command = command;
        _text = new AnswerText(model.Tokenizer, sampling.Stop);
        _time = time;
        _arrivedAt = arrivedAt;
    }

    public int TokenCount { get; private set; }

    public RequestProgress Progress => _progress;

    /// <summary>Time since the last tokens (since arrival before the first), when the last update brought some.</summary>
    public TimeSpan? TokenGap { get; private set; }

    /// <returns>Null when the update has nothing for the client.</returns>
    public GenerateReply? Add(GenerateUpdate update)
    {
        _progress = update.Progress ?? _progress;
        TokenGap = null;
        if (update.TokenIds.Length == 0 && update.Finish == GenerateFinish.None)
        {
            return null;
        }

        var reply = new GenerateReply { RequestId = _command.RequestId };
        if (!_hasReplied)
        {
            _hasReplied = true;
            reply.Seed = _command.Seed;
        }

        var text = new StringBuilder();
        AddTokens(update, reply, text);
        reply.FinishReason = _text.IsStopped ? FinishReason.Stop : (FinishReason)update.Finish;
        if (reply.FinishReason != FinishReason.Unspecified)
        {
            text.Append(_text.Flush());
            reply.Usage = CreateUsage();
            reply.Timings = CreateTimings();
        }

        reply.Text = text.ToString();
        return reply;
    }

    private void AddTokens(GenerateUpdate update, GenerateReply reply, StringBuilder text)
    {
        if (update.TokenIds.Length == 0)
        {
            return;
        }

        long now = _time.GetTimestamp();
        TokenGap = _time.GetElapsedTime(TokenCount == 0 ? _arrivedAt : _lastTokenAt, now);
        _firstTokenAt = TokenCount == 0 ? now : _firstTokenAt;
        _lastTokenAt = now;
        for (int i = 0; i < update.TokenIds.Length && !_text.IsStopped; i++)
        {
            reply.TokenIds.Add(update.TokenIds[i]);
            TokenCount++;
            if (i < update.Logprobs.Length)
            {
                reply.Logprobs.Add(update.Logprobs[i].ToMessage());
            }

            if (!update.EndsWithStopToken || i < update.TokenIds.Length - 1)
            {
                text.Append(_text.Push(update.TokenIds[i]));
            }
        }
    }

    private Usage CreateUsage() => new()
    {
        PromptTokens = _command.PromptTokenIds.Length,
        CompletionTokens = TokenCount,
        CachedTokens = _progress.CachedTokenCount,
        KvBytesSent = _progress.KvBytesSent,
        KvBytesReceived = _progress.KvBytesReceived,
        KvBytesDirect = _progress.KvBytesDirect,
        KvTokensReceived = _progress.KvTokensReceived,
    };

    private Timings CreateTimings() => new()
    {
        QueueUs = _progress.QueueUs,
        PrefillUs = _progress.PrefillUs,
        TtftUs = TokenCount == 0 ? 0 : Microseconds(_arrivedAt, _firstTokenAt),
        HandoverUs = _progress.HandoverUs,
        DecodeUs = TokenCount == 0 ? 0 : Microseconds(_firstTokenAt, _lastTokenAt),
        TotalUs = Microseconds(_arrivedAt, _time.GetTimestamp()),
    };

    private long Microseconds(long from, long to) => (long)_time.GetElapsedTime(from, to).TotalMicroseconds;
}
