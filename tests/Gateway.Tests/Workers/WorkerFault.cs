namespace KvCluster.Gateway.Tests.Workers;

/// <summary>What goes wrong in a <see cref="TestWorker"/>.</summary>
internal enum WorkerFault
{
    None,

    /// <summary>Refuses with RESOURCE_EXHAUSTED.</summary>
    Refuse,

    /// <summary>Cuts the connection after some tokens.</summary>
    Die,

    /// <summary>Goes silent after some tokens.</summary>
    Hang,
}
