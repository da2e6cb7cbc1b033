using System.Reflection;
using Orleans.Concurrency;

namespace Orleans.Proxies;

/// <summary>A method of a grain interface and what its attributes say.</summary>
internal sealed class GrainMethod
{
    public GrainMethod(MethodInfo info)
    {
        Info = info;
        IsAlwaysInterleave = info.IsDefined(typeof(AlwaysInterleaveAttribute));
        IsReadOnly = info.IsDefined(typeof(ReadOnlyAttribute));
        IsOneWay = info.IsDefined(typeof(OneWayAttribute)) || info.ReturnType == typeof(void);
        Timeout = info.GetCustomAttribute<ResponseTimeoutAttribute>()?.Timeout;
    }

    /// <param name="info">What the runtime itself sends: it interleaves and is never late.</param>
    /// <param name="timeout">When it is late.</param>
    public GrainMethod(MethodInfo info, TimeSpan? timeout)
        : this(info)
    {
        IsAlwaysInterleave = true;
        IsRuntimeCall = true;
        Timeout = timeout;
    }

    public MethodInfo Info { get; }

    public bool IsAlwaysInterleave { get; }

    public bool IsReadOnly { get; }

    /// <summary>Sent by the runtime itself; filters do not see it.</summary>
    public bool IsRuntimeCall { get; }

    public bool IsOneWay { get; }

    /// <summary>Null for the silo's response timeout.</summary>
    public TimeSpan? Timeout { get; }

    public override string ToString() => $"{Info.DeclaringType?.Name}.{Info.Name}";
}
