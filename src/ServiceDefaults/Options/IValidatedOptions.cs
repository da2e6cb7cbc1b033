namespace KvCluster.ServiceDefaults.Options;

/// <summary>Settings that can say all that is wrong with them.</summary>
public interface IValidatedOptions
{
    /// <summary>One message for each fault, each beginning with the setting's name. Empty when all is well.</summary>
    public IEnumerable<string> Validate();
}
