namespace KvCluster.KvStore.Tests;

/// <summary>What carries Put and Get. Tests of their behaviour run over all of them.</summary>
public enum Transport
{
    Grpc,
    SlabStreams,
    LocalSlabStreams,

    /// <summary>The same, with references to all slabs, however small.</summary>
    ReferredSlabs,
}

public sealed class PutGetOverGrpcTests() : PutGetTests(Transport.Grpc);

public sealed class PutGetOverSlabStreamsTests() : PutGetTests(Transport.SlabStreams);

public sealed class PutGetOverLocalSlabStreamsTests() : PutGetTests(Transport.LocalSlabStreams);

public sealed class PutGetOverReferredSlabsTests() : PutGetTests(Transport.ReferredSlabs);

public sealed class BadSlabOverGrpcTests() : BadSlabTests(Transport.Grpc);

public sealed class BadSlabOverSlabStreamsTests() : BadSlabTests(Transport.SlabStreams);

public sealed class BadSlabOverLocalSlabStreamsTests() : BadSlabTests(Transport.LocalSlabStreams);

public sealed class BadSlabOverReferredSlabsTests() : BadSlabTests(Transport.ReferredSlabs);

public sealed class LifetimeOverGrpcTests() : LifetimeTests(Transport.Grpc);

public sealed class LifetimeOverSlabStreamsTests() : LifetimeTests(Transport.SlabStreams);

public sealed class LifetimeOverLocalSlabStreamsTests() : LifetimeTests(Transport.LocalSlabStreams);

public sealed class LifetimeOverReferredSlabsTests() : LifetimeTests(Transport.ReferredSlabs);
