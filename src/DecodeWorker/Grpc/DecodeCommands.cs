using Grpc.Core;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>Reads what the Gateway says of the prefill after the DecodeStart.</summary>
internal sealed class DecodeCommands : IAsyncDisposable
{
    private readonly IAsyncStreamReader<DecodeCommand> _commands;
    private readonly int _vocabularySize;
    private readonly CancellationTokenSource _stop;
    private readonly TaskCompletionSource<int?> _firstToken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _prefillEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;

    public DecodeCommands(IAsyncStreamReader<DecodeCommand> commands, int vocabularySize, CancellationToken cancellationToken)
    {
        _commands = commands;
        _vocabularySize = vocabularySize;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _reading = ReadAsync();
    }

    /// <summary>The first token; null when prefill failed before it. Faulted with INVALID_ARGUMENT when it never comes.</summary>
    public Task<int?> FirstToken => _firstToken.Task;

    /// <summary>What the KvStore does not hold by now will not come.</summary>
    public Task PrefillEnded => _prefillEnded.Task;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await _commands.MoveNext(_stop.Token))
            {
                Take(_commands.Current);
            }

            Fail(RequestErrors.Invalid("first_token", "the stream of commands ended without it"));
        }
        catch (Exception error)
        {
            // The call is being torn down, and whoever still waits for a command should hear of it.
            Fail(error);
        }
    }

    private void Take(DecodeCommand command)
    {
        switch (command.CommandCase)
        {
            case DecodeCommand.CommandOneofCase.FirstToken when (uint)command.FirstToken.TokenId < (uint)_vocabularySize:
                _firstToken.TrySetResult(command.FirstToken.TokenId);
                break;
            case DecodeCommand.CommandOneofCase.FirstToken:
                Fail(RequestErrors.Invalid("first_token.token_id", $"{command.FirstToken.TokenId} is not a token id; ids are 0 to {_vocabularySize - 1}"));
                break;
            case DecodeCommand.CommandOneofCase.PrefillDone:
                if (command.PrefillDone.Failed)
                {
                    _firstToken.TrySetResult(null);
                }

                _prefillEnded.TrySetResult();
                break;
            default:
                Fail(RequestErrors.Invalid("command", "after the start come first_token and prefill_done"));
                break;
        }
    }

    private void Fail(Exception error)
    {
        _firstToken.TrySetException(error);
        _prefillEnded.TrySetResult();
        _ = _firstToken.Task.Exception;
    }
}
