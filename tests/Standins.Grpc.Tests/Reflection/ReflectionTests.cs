using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Standins.Grpc.Tests.Reflection;

public sealed class ReflectionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task ListServices_AllMapped_AreNamed()
    {
        var answer = await AskAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.Equal(
            ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "kvcluster.test.Echo"],
            answer.ListServicesResponse.Service.Select(service => service.Name));
    }

    [Theory(Timeout = 20_000)]
    [InlineData("kvcluster.test.Echo")]
    [InlineData("kvcluster.test.Echo.Say")]
    [InlineData("kvcluster.test.EchoRequest")]
    [InlineData("kvcluster.test.EchoRequest.payload")]
    [InlineData("kvcluster.test.Behaviour")]
    public async Task FileContainingSymbol_EachKind_IsTheFile(string symbol)
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });
        var file = FileDescriptorProto.Parser.ParseFrom(answer.FileDescriptorResponse.FileDescriptorProto[0]);
        Assert.Equal("test.proto", file.Name);
        Assert.Equal("Echo", file.Service[0].Name);
    }

    [Fact(Timeout = 20_000)]
    public async Task FileByFilename_Known_IsTheFileWithItsImports()
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileByFilename = "grpc/reflection/v1/reflection.proto" });
        Assert.Equal(
            "grpc/reflection/v1/reflection.proto",
            FileDescriptorProto.Parser.ParseFrom(answer.FileDescriptorResponse.FileDescriptorProto[0]).Name);
    }

    [Theory(Timeout = 20_000)]
    [InlineData("file")]
    [InlineData("symbol")]
    [InlineData("extension")]
    [InlineData("type")]
    public async Task Unknown_Asked_IsNotFound(string kind)
    {
        var answer = await AskAsync(kind switch
        {
            "file" => new ServerReflectionRequest { FileByFilename = "missing.proto" },
            "symbol" => new ServerReflectionRequest { FileContainingSymbol = "missing" },
            "extension" => new ServerReflectionRequest { FileContainingExtension = new ExtensionRequest { ContainingType = "missing", ExtensionNumber = 1 } },
            _ => new ServerReflectionRequest { AllExtensionNumbersOfType = "missing" },
        });
        Assert.Equal((int)StatusCode.NotFound, answer.ErrorResponse.ErrorCode);
    }

    [Fact(Timeout = 20_000)]
    public async Task Extensions_OfMethodOptions_AreFoundByNumberAndType()
    {
        var numbers = await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = "google.protobuf.MethodOptions" });
        Assert.Equal([50_064], numbers.AllExtensionNumbersResponse.ExtensionNumber);
        var file = await AskAsync(new ServerReflectionRequest
        {
            FileContainingExtension = new ExtensionRequest { ContainingType = "google.protobuf.MethodOptions", ExtensionNumber = 50_064 },
        });
        Assert.Equal("test.proto", FileDescriptorProto.Parser.ParseFrom(file.FileDescriptorResponse.FileDescriptorProto[0]).Name);
        Assert.Equal(2, file.FileDescriptorResponse.FileDescriptorProto.Count);
    }

    [Fact(Timeout = 20_000)]
    public async Task V1Alpha_Asked_AnswersTheSame()
    {
        await using var server = await StartAsync();
        using var call = new global::Grpc.Reflection.V1Alpha.ServerReflection.ServerReflectionClient(server.Channel()).ServerReflectionInfo(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(new global::Grpc.Reflection.V1Alpha.ServerReflectionRequest { ListServices = "*" }, Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(3, call.ResponseStream.Current.ListServicesResponse.Service.Count);
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    private static Task<TestServer> StartAsync() => TestServer.StartAsync(
        services: services => services.AddGrpcReflection(), map: app => app.MapGrpcReflectionService());

    private static async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        await using var server = await StartAsync();
        using var call = new ServerReflection.ServerReflectionClient(server.Channel()).ServerReflectionInfo(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(request, Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(request, call.ResponseStream.Current.OriginalRequest);
        return call.ResponseStream.Current;
    }
}
