namespace System.Runtime.CompilerServices;

/// <summary>The runtime knows this attribute by name: an assembly that carries it sees the internals of the one named.</summary>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
{
    public string AssemblyName { get; } = assemblyName;
}
