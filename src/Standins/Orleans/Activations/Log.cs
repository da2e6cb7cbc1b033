using Microsoft.Extensions.Logging;
using Orleans.Calls;
using Orleans.Runtime;

namespace Orleans.Activations;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "Grain {GrainId} could not be activated.")]
    public static partial void ActivationFailed(ILogger logger, GrainId grainId, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "Grain {GrainId} failed while deactivating; it ends all the same.")]
    public static partial void DeactivationFailed(ILogger logger, GrainId grainId, Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "One-way call {Call} failed; nobody waits for it.")]
    public static partial void OneWayCallFailed(ILogger logger, GrainCall call, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "A timer of grain {GrainId} failed; it goes on ticking.")]
    public static partial void TimerFailed(ILogger logger, GrainId grainId, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "An enumeration of grain {GrainId} failed while ending.")]
    public static partial void EnumerationEndFailed(ILogger logger, GrainId grainId, Exception exception);

    [LoggerMessage(7, LogLevel.Warning, "What grain {GrainId} registered on its cancellation token failed.")]
    public static partial void CancellationFailed(ILogger logger, GrainId grainId, Exception exception);

    [LoggerMessage(6, LogLevel.Warning, "The silo had to stop with {ActivationCount} activations that had not ended.")]
    public static partial void StoppedEarly(ILogger logger, int activationCount);
}
