namespace KvCluster.Gateway.Tests.Workers;

/// <summary>What goes wrong in a <see cref="TestWorker"/>.</summary>
internal enum WorkerFault
{
    None,

    /// <summary>Refuses with RESOURCE_EXHAUSTED.</summary>
    Refuse,

    /// <summary>Cuts the connection after some tokens; those not sent yet are lost with it.</summary>
    Die,

    /// <summary>Ends its call with INTERNAL after some tokens, which all arrive.</summary>
    Break,

    /// <summary>Goes silent after some tokens.</summary>
    Hang,
}
