using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace Grpc.Reflection;

/// <summary>The reflection service grpc.reflection.v1alpha, whose messages are those of v1 under other names.</summary>
public class ReflectionServiceImpl : ServerReflection.ServerReflectionBase
{
    private readonly ReflectionAnswers _answers;

    public ReflectionServiceImpl(IEnumerable<string> services, SymbolRegistry symbolRegistry) =>
        _answers = new ReflectionAnswers([.. services], symbolRegistry);

    public ReflectionServiceImpl(IEnumerable<ServiceDescriptor> serviceDescriptors) =>
        _answers = new ReflectionAnswers([.. serviceDescriptors]);

    public ReflectionServiceImpl(params ServiceDescriptor[] serviceDescriptors) =>
        _answers = new ReflectionAnswers(serviceDescriptors);

    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var question = V1.ServerReflectionRequest.Parser.ParseFrom(requestStream.Current.ToByteString());
            var answer = ServerReflectionResponse.Parser.ParseFrom(_answers.Answer(question).ToByteString());
            await responseStream.WriteAsync(answer);
        }
    }
}
