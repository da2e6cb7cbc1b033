using Orleans.Calls;
using Orleans.Proxies;

namespace Orleans.Enumeration;

/// <summary>Tells an activation that an enumeration is over: its token is cancelled and its finally blocks run.</summary>
internal sealed class EndCall(Guid id) : ResultCall<Nothing>
{
    public static readonly GrainMethod Traits = new(typeof(Enumerations).GetMethod(nameof(Enumerations.EndAsync))!, null);

    public override Task Call(object grain) => Activation!.Enumerations.EndAsync(id);
}
