using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;

namespace Grpc.Reflection;

/// <summary>Answers the questions of the reflection protocol.</summary>
internal sealed class ReflectionAnswers(IReadOnlyCollection<string> services, SymbolRegistry symbols)
{
    public ReflectionAnswers(IReadOnlyCollection<ServiceDescriptor> services)
        : this(
            [.. services.Select(service => service.FullName)],
            SymbolRegistry.FromFiles(services.Select(service => service.File)))
    {
    }

    public ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        var answer = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                answer.ListServicesResponse = new ListServiceResponse();
                answer.ListServicesResponse.Service.AddRange(services.Select(name => new ServiceResponse { Name = name }));
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                AddFile(answer, symbols.FileByName(request.FileByFilename), $"file '{request.FileByFilename}'");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                AddFile(answer, symbols.FileContainingSymbol(request.FileContainingSymbol), $"symbol '{request.FileContainingSymbol}'");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                var wanted = request.FileContainingExtension;
                AddFile(
                    answer,
                    symbols.FileContainingExtension(wanted.ContainingType, wanted.ExtensionNumber),
                    $"extension {wanted.ExtensionNumber} of '{wanted.ContainingType}'");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
                AddExtensionNumbers(answer, request.AllExtensionNumbersOfType);
                break;
            default:
                answer.ErrorResponse = Error(StatusCode.InvalidArgument, "The request asks for nothing.");
                break;
        }

        return answer;
    }

    private void AddExtensionNumbers(ServerReflectionResponse answer, string type)
    {
        if (symbols.ExtensionNumbers(type) is { } numbers)
        {
            answer.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = type };
            answer.AllExtensionNumbersResponse.ExtensionNumber.AddRange(numbers);
        }
        else
        {
            answer.ErrorResponse = Error(StatusCode.NotFound, $"This server knows no type '{type}'.");
        }
    }

    private static void AddFile(ServerReflectionResponse answer, FileDescriptor? file, string asked)
    {
        if (file is null)
        {
            answer.ErrorResponse = Error(StatusCode.NotFound, $"This server knows no {asked}.");
            return;
        }

        var files = new List<FileDescriptor>();
        Collect(file, files);
        answer.FileDescriptorResponse = new FileDescriptorResponse();
        answer.FileDescriptorResponse.FileDescriptorProto.AddRange(files.Select(descriptor => descriptor.SerializedData));
    }

    private static void Collect(FileDescriptor file, List<FileDescriptor> files)
    {
        if (files.Contains(file))
        {
            return;
        }

        files.Add(file);
        foreach (var import in file.Dependencies)
        {
            Collect(import, files);
        }
    }

    private static ErrorResponse Error(StatusCode code, string message) =>
        new() { ErrorCode = (int)code, ErrorMessage = message };
}
