namespace Orleans.Runtime;

/// <summary>Which state, in which storage.</summary>
public interface IPersistentStateConfiguration
{
    public string StateName { get; }

    public string? StorageName { get; }
}
