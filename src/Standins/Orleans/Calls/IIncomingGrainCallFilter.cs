namespace Orleans;

/// <summary>
/// Wraps calls at the grain's side, on its turns; registered filters run first to last, then the grain itself if it is one.
/// Enumerations and timers pass unfiltered in the stand-in.
/// </summary>
public interface IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context);
}
