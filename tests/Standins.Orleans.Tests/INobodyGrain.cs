using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

/// <summary>No class implements it.</summary>
internal interface INobodyGrain : IGrainWithStringKey;
