using Google.Protobuf.Reflection;

namespace Grpc.Reflection;

/// <summary>Descriptors of proto files and their imports, by file name, by symbol and by extension.</summary>
public class SymbolRegistry
{
    private readonly Dictionary<string, FileDescriptor> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _bySymbol = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, FileDescriptor>> _byExtendee = new(StringComparer.Ordinal);

    private SymbolRegistry()
    {
    }

    public static SymbolRegistry FromFiles(IEnumerable<FileDescriptor> fileDescriptors)
    {
        ArgumentNullException.ThrowIfNull(fileDescriptors);
        var registry = new SymbolRegistry();
        foreach (var file in fileDescriptors)
        {
            registry.Add(file);
        }

        return registry;
    }

    public FileDescriptor? FileByName(string filename) => _byName.GetValueOrDefault(filename);

    public FileDescriptor? FileContainingSymbol(string symbol) => _bySymbol.GetValueOrDefault(symbol);

    internal FileDescriptor? FileContainingExtension(string extendee, int number) =>
        _byExtendee.GetValueOrDefault(extendee)?.GetValueOrDefault(number);

    /// <summary>Ascending; null when the message is not known.</summary>
    internal IEnumerable<int>? ExtensionNumbers(string extendee) =>
        _byExtendee.TryGetValue(extendee, out var numbers) ? numbers.Keys : _bySymbol.ContainsKey(extendee) ? [] : null;

    private void Add(FileDescriptor file)
    {
        if (!_byName.TryAdd(file.Name, file))
        {
            return;
        }

        foreach (var import in file.Dependencies)
        {
            Add(import);
        }

        foreach (var service in file.Services)
        {
            Add(service);
            foreach (var method in service.Methods)
            {
                Add(method);
            }
        }

        foreach (var message in file.MessageTypes)
        {
            AddMessage(message);
        }

        foreach (var values in file.EnumTypes)
        {
            AddEnum(values);
        }

        AddExtensions(file.Extensions);
    }

    private void AddMessage(MessageDescriptor message)
    {
        Add(message);
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            Add(field);
        }

        foreach (var nested in message.NestedTypes)
        {
            AddMessage(nested);
        }

        foreach (var values in message.EnumTypes)
        {
            AddEnum(values);
        }

        AddExtensions(message.Extensions);
    }

    private void AddEnum(EnumDescriptor values)
    {
        Add(values);
        foreach (var value in values.Values)
        {
            Add(value);
        }
    }

    private void AddExtensions(ExtensionCollection extensions)
    {
        foreach (var extension in extensions.UnorderedExtensions)
        {
            Add(extension);
            var extendee = extension.ExtendeeType.FullName;
            if (!_byExtendee.TryGetValue(extendee, out var numbers))
            {
                _byExtendee.Add(extendee, numbers = []);
            }

            numbers[extension.FieldNumber] = extension.File;
        }
    }

    private void Add(IDescriptor descriptor) => _bySymbol[descriptor.FullName] = descriptor.File;
}
