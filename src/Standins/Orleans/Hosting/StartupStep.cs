namespace Orleans.Hosting;

internal sealed record StartupStep(int Stage, Func<IServiceProvider, CancellationToken, Task> Run);
