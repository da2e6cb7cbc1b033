namespace KvCluster.KvStore.Tests;

/// <summary>What carries Put and Get. Tests of their behaviour run over both.</summary>
public enum Transport
{
    Grpc,
    SlabStreams,
}

public sealed class PutGetOverGrpcTests() : PutGetTests(Transport.Grpc);

public sealed class PutGetOverSlabStreamsTests() : PutGetTests(Transport.SlabStreams);

public sealed class BadSlabOverGrpcTests() : BadSlabTests(Transport.Grpc);

public sealed class BadSlabOverSlabStreamsTests() : BadSlabTests(Transport.SlabStreams);

public sealed class LifetimeOverGrpcTests() : LifetimeTests(Transport.Grpc);

public sealed class LifetimeOverSlabStreamsTests() : LifetimeTests(Transport.SlabStreams);
