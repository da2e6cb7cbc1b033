using System.Reflection;
using Orleans.Runtime;

namespace Orleans;

/// <summary>A call as filters see it.</summary>
public interface IGrainCallContext
{
    /// <summary>The grain instance.</summary>
    public object Grain { get; }

    /// <summary>The grain whose turn made the call; null for other code.</summary>
    public GrainId? SourceId { get; }

    public GrainId TargetId { get; }

    public string InterfaceName { get; }

    public string MethodName { get; }

    public MethodInfo InterfaceMethod { get; }

    /// <summary>The result after <see cref="Invoke"/>; a filter may replace it. Null for calls without one.</summary>
    public object? Result { get; set; }

    /// <summary>Runs the next filter, or the method itself after the last.</summary>
    public Task Invoke();
}

/// <summary>A call at the grain's side.</summary>
public interface IIncomingGrainCallContext : IGrainCallContext
{
    public IGrainContext TargetContext { get; }

    public MethodInfo ImplementationMethod { get; }
}

/// <summary>
/// Wraps calls at the grain's side, on its turns; registered filters run first to last, then the grain itself if it is one.
/// Enumerations and timers pass unfiltered in the stand-in.
/// </summary>
public interface IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context);
}

/// <summary>A filter as a delegate.</summary>
public delegate Task IncomingGrainCallFilterDelegate(IIncomingGrainCallContext context);
