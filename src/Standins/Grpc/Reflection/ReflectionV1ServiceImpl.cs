using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;

namespace Grpc.Reflection;

/// <summary>The reflection service grpc.reflection.v1.</summary>
public class ReflectionV1ServiceImpl : ServerReflection.ServerReflectionBase
{
    private readonly ReflectionAnswers _answers;

    public ReflectionV1ServiceImpl(IEnumerable<string> services, SymbolRegistry symbolRegistry) =>
        _answers = new ReflectionAnswers([.. services], symbolRegistry);

    public ReflectionV1ServiceImpl(IEnumerable<ServiceDescriptor> serviceDescriptors) =>
        _answers = new ReflectionAnswers([.. serviceDescriptors]);

    public ReflectionV1ServiceImpl(params ServiceDescriptor[] serviceDescriptors) =>
        _answers = new ReflectionAnswers(serviceDescriptors);

    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await responseStream.WriteAsync(_answers.Answer(requestStream.Current));
        }
    }
}
