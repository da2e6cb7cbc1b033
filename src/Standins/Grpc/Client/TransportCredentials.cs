using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>What channel credentials say: TLS or not (null when unsaid), and the call credentials within.</summary>
internal sealed class TransportCredentials : ChannelCredentialsConfiguratorBase
{
    public bool? IsSecure { get; private set; }

    public CallCredentials? CallCredentials { get; private set; }

    public static TransportCredentials Read(ChannelCredentials? credentials)
    {
        var read = new TransportCredentials();
        credentials?.InternalPopulateConfiguration(read, read);
        return read;
    }

    public override void SetInsecureCredentials(object state) => IsSecure = false;

    public override void SetSslCredentials(
        object state, string? rootCertificates, KeyCertificatePair? keyCertificatePair, VerifyPeerCallback? verifyPeerCallback)
    {
        if (rootCertificates is not null || keyCertificatePair is not null || verifyPeerCallback is not null)
        {
            throw new InvalidOperationException("Set certificates on the HTTP handler of the channel, not in its credentials.");
        }

        IsSecure = true;
    }

    public override void SetCompositeCredentials(object state, ChannelCredentials channelCredentials, CallCredentials callCredentials)
    {
        channelCredentials.InternalPopulateConfiguration(this, state);
        CallCredentials = callCredentials;
    }
}
