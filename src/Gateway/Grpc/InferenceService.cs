using Google.Protobuf;
using Grpc.Core;
using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Generation;
using KvCluster.Gateway.Models;
using KvCluster.V1;

namespace KvCluster.Gateway.Grpc;

/// <summary>The gRPC API for clients.</summary>
internal sealed class InferenceService(GenerationService generation, ModelDirectory models, GatewayOptions options)
    : V1.Inference.InferenceBase
{
    public override async Task Generate(GenerateRequest request, IServerStreamWriter<GenerateReply> responseStream, ServerCallContext context)
    {
        try
        {
            await foreach (GenerateReply reply in generation.GenerateAsync(request, context.CancellationToken))
            {
                await responseStream.WriteAsync(reply, context.CancellationToken);
            }
        }
        catch (RequestFailedException e)
        {
            throw e.ToRpcException(options.RetryAfterSeconds);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(Status.DefaultCancelled);
        }
    }

    public override Task<TokenizeReply> Tokenize(TokenizeRequest request, ServerCallContext context)
    {
        ServedModel model = models.Model;
        try
        {
            if (request.Model.Length > 0 && request.Model != model.Name)
            {
                throw new RequestFailedException(RequestError.UnknownModel(request.Model, model.Name));
            }

            int[] ids = request.InputCase switch
            {
                TokenizeRequest.InputOneofCase.Text => model.Tokenizer.Encode(request.Text),
                TokenizeRequest.InputOneofCase.Chat => PromptTokens.Rendered(request.Chat, model),
                _ => throw new RequestFailedException(RequestError.Invalid("input", "is missing; set text or chat")),
            };
            var reply = new TokenizeReply { MaxContextTokens = model.MaxContextTokens };
            reply.TokenIds.AddRange(ids);
            reply.Tokens.AddRange(ids.Select(id => ByteString.CopyFrom(model.Tokenizer.TokenBytes(id))));
            return Task.FromResult(reply);
        }
        catch (RequestFailedException e)
        {
            throw e.ToRpcException(options.RetryAfterSeconds);
        }
    }

    public override async Task<ListModelsReply> ListModels(ListModelsRequest request, ServerCallContext context)
    {
        var reply = new ListModelsReply();
        foreach ((ModelOffer offer, DateTimeOffset firstSeen) in await models.ListAsync())
        {
            reply.Models.Add(new Model
            {
                Name = offer.Name,
                CreatedUnixSeconds = firstSeen.ToUnixTimeSeconds(),
                MaxContextTokens = offer.MaxContextTokens,
                KvSpec = offer.KvSpec,
                PrefillWorkerCount = offer.PrefillWorkerCount,
                DecodeWorkerCount = offer.DecodeWorkerCount,
                ModelFingerprint = offer.Identity.ModelFingerprint,
            });
        }

        return reply;
    }
}
