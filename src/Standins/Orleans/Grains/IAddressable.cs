namespace Orleans.Runtime;

/// <summary>Anything calls can be addressed to.</summary>
public interface IAddressable
{
}
