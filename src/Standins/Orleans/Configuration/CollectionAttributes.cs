using System.Globalization;

namespace Orleans;

/// <summary>How long activations of the class may be idle before they end; never under a minute.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public class CollectionAgeLimitAttribute : Attribute
{
    public static readonly TimeSpan MinAgeLimit = TimeSpan.FromMinutes(1);

    private readonly TimeSpan? _period;

    public CollectionAgeLimitAttribute()
    {
    }

    /// <param name="inactivityPeriod">As <see cref="TimeSpan.Parse(string)"/> reads it; taken as it is, also under a minute.</param>
    public CollectionAgeLimitAttribute(string inactivityPeriod) =>
        _period = TimeSpan.Parse(inactivityPeriod, CultureInfo.InvariantCulture);

    public double Days { get; set; }

    public double Hours { get; set; }

    public double Minutes { get; set; }

    /// <summary>Never collected; the three above are then ignored.</summary>
    public bool AlwaysActive { get; set; }

    public TimeSpan AgeLimit => _period ?? (AlwaysActive ? TimeSpan.FromDays(short.MaxValue) : Sum());

    private TimeSpan Sum()
    {
        var sum = TimeSpan.FromDays(Days) + TimeSpan.FromHours(Hours) + TimeSpan.FromMinutes(Minutes);
        return sum < MinAgeLimit ? MinAgeLimit : sum;
    }
}

/// <summary>Activations of the class are never collected for being idle.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public class KeepAliveAttribute : Attribute
{
}
