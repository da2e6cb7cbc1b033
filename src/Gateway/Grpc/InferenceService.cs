using Google.Protobuf;
using Grpc.Core;
using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Authentication;
using KvCluster.Gateway.Generation;
using KvCluster.Gateway.Models;
using KvCluster.V1;

namespace KvCluster.Gateway.Grpc;

/// <summary>The gRPC API for clients.</summary>
internal sealed class InferenceService(GenerationService generation, ModelDirectory models, GatewayOptions options, ApiKeys keys)
    : V1.Inference.InferenceBase
{
    private static readonly Status Unauthenticated = new(StatusCode.Unauthenticated, ApiKeys.Refusal);

    public override async Task Generate(GenerateRequest request, IServerStreamWriter<GenerateReply> responseStream, ServerCallContext context)
    {
        request.Tenant = Authenticate(context, request.Tenant);
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
        Authenticate(context);
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
        Authenticate(context);
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

    /// <summary>The caller's tenant, and <paramref name="named"/> within it.</summary>
    private string Authenticate(ServerCallContext context, string named = "") =>
        keys.TryFindTenant(context.RequestHeaders.GetValue("authorization"), named, out string? tenant) ? tenant : throw new RpcException(Unauthenticated);
}
