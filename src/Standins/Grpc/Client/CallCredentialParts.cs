using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Takes call credentials apart into the interceptors they are made of, in order.</summary>
internal sealed class CallCredentialParts : CallCredentialsConfiguratorBase
{
    private readonly List<AsyncAuthInterceptor> _interceptors = [];

    public static async ValueTask ApplyAsync(CallCredentials credentials, AuthInterceptorContext context, Metadata headers)
    {
        var parts = new CallCredentialParts();
        credentials.InternalPopulateConfiguration(parts, null);
        foreach (var interceptor in parts._interceptors)
        {
            await interceptor(context, headers);
        }
    }

    public override void SetCompositeCredentials(object? state, IReadOnlyList<CallCredentials> credentials)
    {
        foreach (var part in credentials)
        {
            part.InternalPopulateConfiguration(this, state);
        }
    }

    public override void SetAsyncAuthInterceptorCredentials(object? state, AsyncAuthInterceptor interceptor) =>
        _interceptors.Add(interceptor);
}
