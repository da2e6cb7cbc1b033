using Grpc.Core;

namespace Grpc.Wire;

/// <summary>What can be wrong with a message on the wire.</summary>
internal static class MessageStatus
{
    public static readonly Status Truncated = new(StatusCode.Internal, "The stream ended in the middle of a message.");

    public static readonly Status Missing = new(StatusCode.Internal, "The stream ended without a message.");

    public static readonly Status Surplus = new(StatusCode.Internal, "A second message came where one was expected.");

    public static readonly Status BadFlag = new(StatusCode.Internal, "The compression flag of a message is neither 0 nor 1.");

    public static Status ReceivedTooLarge(int maxSize) => new(
        StatusCode.ResourceExhausted, $"A received message is larger than the limit of {maxSize} bytes.");

    public static Status SentTooLarge(long size, int maxSize) => new(
        StatusCode.ResourceExhausted, $"A message to send has {size} bytes, the limit is {maxSize}.");
}
