using System.Globalization;

namespace Orleans;

/// <summary>Replaces <see cref="Configuration.MessagingOptions.ResponseTimeout"/> for calls of the method.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ResponseTimeoutAttribute : Attribute
{
    /// <param name="timeout">As <see cref="TimeSpan.Parse(string)"/> reads it.</param>
    public ResponseTimeoutAttribute(string timeout) => Timeout = TimeSpan.Parse(timeout, CultureInfo.InvariantCulture);

    public TimeSpan? Timeout { get; init; }
}
