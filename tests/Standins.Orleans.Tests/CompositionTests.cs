using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class CompositionTests
{
    [Fact]
    public async Task Filters_SeveralAndAReplacedResult_RunInOrderAroundTheCall()
    {
        var order = new List<string>();
        await using var silo = await TestSilo.StartAsync(builder => builder
            .AddIncomingGrainCallFilter(async context =>
            {
                order.Add($"outer {context.MethodName} {context.TargetId}");
                await context.Invoke();
                order.Add($"outer saw {context.Result}");
                context.Result = "replaced";
            })
            .AddIncomingGrainCallFilter(async context =>
            {
                order.Add($"inner {context.ImplementationMethod.DeclaringType!.Name}");
                await context.Invoke();
            }));
        Assert.Equal("replaced", await silo.Grains.GetGrain<IStepGrain>("g").Key().Soon());
        Assert.Equal(["outer Key step/g", "inner StepGrainBase", "outer saw g"], order);
        await Assert.ThrowsAsync<InvalidDataException>(() => silo.Grains.GetGrain<IStepGrain>("g").Throw("x").Soon());
    }

    [Fact]
    public async Task StartupTasks_CallGrains_InOrderOfStage()
    {
        var order = new List<string>();
        await using var silo = await TestSilo.StartAsync(builder => builder
            .AddStartupTask(async (services, _) => order.Add(await services.GetRequiredService<IGrainFactory>().GetGrain<IStepGrain>("last").Key()))
            .AddStartupTask(
                (_, _) =>
                {
                    order.Add("first");
                    return Task.CompletedTask;
                },
                ServiceLifecycleStage.ApplicationServices));
        Assert.Equal(["first", "last"], order);
    }

    [Fact]
    public async Task UseOrleans_OnEveryKindOfBuilder_RegistersOneSilo()
    {
        var builder = Host.CreateDefaultBuilder().UseOrleans(static silo => silo
            .UseLocalhostClustering()
            .AddMemoryGrainStorageAsDefault()
            .Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromMinutes(5)));
        using var host = builder.ConfigureServices(static services => services.AddSingleton<Journal>()).Build();
        await host.StartAsync(TestContext.Current.CancellationToken).Soon();
        Assert.Same(host.Services.GetRequiredService<IGrainFactory>(), host.Services.GetRequiredService<IClusterClient>());
        Assert.Equal("g", await host.Services.GetRequiredService<IClusterClient>().GetGrain<IStepGrain>("g").Key().Soon());
        await host.StopAsync(TestContext.Current.CancellationToken).Soon();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Activity_FlowsOnlyWithPropagation(bool isOn)
    {
        string? seen = null;
        await using var silo = await TestSilo.StartAsync(builder =>
        {
            if (isOn)
            {
                builder.AddActivityPropagation();
            }

            builder.AddIncomingGrainCallFilter(context =>
            {
                seen = Activity.Current?.OperationName;
                return context.Invoke();
            });
        });
        using var activity = new Activity("caller").Start();
        await silo.Grains.GetGrain<IStepGrain>("g").Key().Soon();
        Assert.Equal(isOn ? "caller" : null, seen);
    }

    [Fact]
    public async Task SerialCalls_OnOneGrain_CostMicroseconds()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IStreamGrain>("g");
        var best = double.MaxValue;
        var cpu = Environment.CpuUsage.TotalTime;
        for (var round = 0; round < 10; round++)
        {
            best = Math.Min(best, await Task.Run(() => RoundAsync(grain)).Soon());
        }

        cpu = (Environment.CpuUsage.TotalTime - cpu) / 100_000;
        TestContext.Current.TestOutputHelper!.WriteLine($"{best:F2} us a call, {cpu.TotalMicroseconds:F2} us of processor time");
        Assert.True(best < 50, $"{best:F2} us a call");

        static async Task<double> RoundAsync(IStreamGrain grain)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < 10_000; i++)
            {
                await grain.Echo(i);
            }

            return Stopwatch.GetElapsedTime(start).TotalMicroseconds / 10_000;
        }
    }
}
