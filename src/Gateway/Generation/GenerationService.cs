using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Google.Protobuf;
using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Metrics;
using KvCluster.Gateway.Models;
using KvCluster.V1;

namespace KvCluster.Gateway.Generation;

/// <summary>What both APIs call: a request in, replies with text out.</summary>
internal sealed class GenerationService(
    ModelDirectory models,
    AdmissionGate gate,
    IGrainFactory grains,
    GatewayMetrics metrics,
    TimeProvider time)
{
    /// <summary>
    /// Admits the request and runs it. Nothing is yielded before it is admitted and has its first token, so a failure up to
    /// then can still be a status.
    /// </summary>
    /// <exception cref="RequestFailedException">The request is refused, or failed.</exception>
    public async IAsyncEnumerable<GenerateReply> GenerateAsync(
        GenerateRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using RequestMeter meter = metrics.Start(models.Model.Name, time);
        using AdmissionTicket ticket = gate.TryEnter()
            ?? throw meter.Fail(gate.IsClosed
                ? RequestError.Unavailable("this Gateway is stopping; try again, another one will answer")
                : RequestError.Overloaded($"{gate.QueuedCount} requests wait already; try again later"));
        (GenerateCommand command, Sampling sampling) = await PrepareAsync(request, meter);
        var builder = new ReplyBuilder(command, sampling, models.Model, time, meter.ArrivedAt);
        IRequestGrain grain = grains.GetGrain<IRequestGrain>(command.RequestId);
        await foreach (GenerateUpdate update in grain.Generate(command, cancellationToken).WithCancellation(cancellationToken))
        {
            if (update.Error is { } error)
            {
                throw meter.Fail(error);
            }

            GenerateReply? reply = builder.Add(update);
            meter.Note(builder);
            if (builder.Progress.IsDecoding)
            {
                ticket.MarkDecoding();
            }

            if (reply is null)
            {
                continue;
            }

            bool isLast = reply.FinishReason != FinishReason.Unspecified;
            if (isLast)
            {
                meter.Finish(reply);
            }

            yield return reply;
            if (isLast)
            {
                yield break;
            }
        }

        // The grain ends a stream without a last update only when it is cancelled.
        cancellationToken.ThrowIfCancellationRequested();
        throw meter.Fail(RequestError.Unavailable("the request was cut off in the Gateway; try again"));
    }

    private async Task<(GenerateCommand Command, Sampling Sampling)> PrepareAsync(GenerateRequest request, RequestMeter meter)
    {
        try
        {
            ServedModel model = models.Model;
            if (request.Model.Length > 0 && request.Model != model.Name)
            {
                throw new RequestFailedException(RequestError.UnknownModel(request.Model, model.Name));
            }

            Sampling sampling = request.Sampling?.Clone() ?? new Sampling();
            SamplingRules.Check(sampling, model.VocabularySize);
            int[] promptTokenIds = PromptTokens.Of(request, model);
            string promptField = PromptTokens.FieldOf(request);
            sampling.MaxTokens = SamplingRules.MaxTokens(sampling, promptTokenIds.Length, promptField, model.MaxContextTokens);
            ModelOffer offer = await models.FindAsync() ?? throw new RequestFailedException(
                RequestError.Unavailable($"no decode worker of model {model.Name} has registered; start one or try again later"));
            if (offer.MaxContextTokens < model.MaxContextTokens)
            {
                Sampling asked = request.Sampling ?? new Sampling();
                sampling.MaxTokens = SamplingRules.MaxTokens(asked, promptTokenIds.Length, promptField, offer.MaxContextTokens);
            }

            ulong seed = sampling.HasSeed ? sampling.Seed : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
            sampling.Seed = seed;
            var command = new GenerateCommand
            {
                RequestId = request.RequestId.Length > 0 ? request.RequestId : Guid.NewGuid().ToString("n"),
                Model = model.Name,
                Identity = offer.Identity,
                PromptTokenIds = promptTokenIds,
                Tenant = request.Tenant,
                Sampling = sampling.ToByteArray(),
                Seed = seed,
            };
            return (command, sampling);
        }
        catch (RequestFailedException e)
        {
            throw meter.Fail(e.Error);
        }
    }
}
