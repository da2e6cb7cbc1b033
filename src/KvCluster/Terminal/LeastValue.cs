using System.CommandLine;

namespace KvCluster.CommandLine.Terminal;

/// <summary>Bounds of counts.</summary>
internal static class LeastValue
{
    /// <summary>Refuses a value under <paramref name="least"/>; an option without one passes.</summary>
    public static Option<T> AtLeast<T>(this Option<T> option, int least)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T>() is int value && value < least)
            {
                result.AddError($"{option.Name}: must be at least {least}");
            }
        });
        return option;
    }
}
