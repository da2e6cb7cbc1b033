namespace Orleans;

/// <summary>Marks attributes that ask for injected parts of a grain.</summary>
public interface IFacetMetadata
{
}
