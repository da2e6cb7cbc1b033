using System.Net.Sockets;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;
using StackExchange.Redis;

namespace KvCluster.KvStore.Redis;

/// <summary>
/// The way to a Redis that may be slow, dead or not there yet. A command takes its time limit at most. After one that failed, a PING decides
/// whether Redis is given up: then nothing is asked, and nobody waits, until a PING in the background is answered.
/// </summary>
internal sealed class RedisLink : IAsyncDisposable
{
    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(1);
    private static readonly ResiliencePropertyKey<TimeSpan> Limit = new("limit");

    private readonly RedisTierOptions _options;
    private readonly RedisCounters _counters;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action _onLost;
    private readonly Action _onRestored;
    private readonly CancellationTokenSource _stop = new();
    private readonly CircuitBreakerStateProvider _circuit = new();
    private readonly CircuitBreakerManualControl _control = new();
    private readonly ResiliencePipeline _limited;
    private readonly ResiliencePipeline _guarded;
    private readonly Task<ConnectionMultiplexer>[] _connections;
    private readonly Lock _probeLock = new();
    private Task _probe = Task.CompletedTask;
    private volatile bool _wasReached;

    /// <param name="options">Connection and limits.</param>
    /// <param name="counters">Counts timeouts and outages.</param>
    /// <param name="time">Clock of limits.</param>
    /// <param name="logger">Hears when Redis is given up and comes back.</param>
    /// <param name="onLost">Called when Redis is or was away: it may have lost everything.</param>
    /// <param name="onRestored">Called when it answers again.</param>
    /// <exception cref="ArgumentException">The connection string is wrong.</exception>
    public RedisLink(RedisTierOptions options, RedisCounters counters, TimeProvider time, ILogger logger, Action onLost, Action onRestored)
    {
        (_options, _counters, _time, _logger, _onLost, _onRestored) = (options, counters, time, logger, onLost, onRestored);
        var limit = new TimeoutStrategyOptions { TimeoutGenerator = args => new(args.Context.Properties.GetValue(Limit, options.Timeout)) };
        var breaker = new CircuitBreakerStrategyOptions
        {
            // Polly's own count is for commands that fail while a PING passes, such as values over a link that is too slow.
            FailureRatio = 0.5,
            MinimumThroughput = 8,
            SamplingDuration = TimeSpan.FromSeconds(2),
            BreakDuration = TimeSpan.FromSeconds(5),
            StateProvider = _circuit,
            ManualControl = _control,
            ShouldHandle = args => new(args.Outcome.Exception is { } error && IsOutage(error)),
        };
        _limited = new ResiliencePipelineBuilder { TimeProvider = time }.AddTimeout(limit).Build();
        _guarded = new ResiliencePipelineBuilder { TimeProvider = time }.AddCircuitBreaker(breaker).AddTimeout(limit).Build();
        ConfigurationOptions configuration = Parse(options.Connection);
        _connections = [ConnectAsync(configuration), ConnectAsync(Parse(options.Connection))];
        StartProbe();
    }

    /// <summary>Whether commands are sent; otherwise each ends at once without an answer.</summary>
    public bool IsAnswering => _wasReached && _circuit.CircuitState == CircuitState.Closed;

    /// <summary>What is wrong with a connection string; null: nothing.</summary>
    public static string? FaultOf(string connection)
    {
        try
        {
            return Parse(connection) is null ? "it is empty" : null;
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            // Never the string itself: it may hold a password.
            return error is ArgumentException { ParamName: { } name } ? $"'{name}' is wrong" : "it names no host, or an option has a wrong value";
        }
    }

    /// <exception cref="ArgumentException">The connection string is wrong.</exception>
    public static ConfigurationOptions Parse(string connection)
    {
        ConfigurationOptions configuration = ConfigurationOptions.Parse(connection);
        if (configuration.EndPoints.Count == 0)
        {
            throw new ArgumentException("it names no host");
        }

        configuration.AbortOnConnectFail = false;
        configuration.ReconnectRetryPolicy = new LinearRetry(250);
        configuration.ConnectTimeout = (int)ConnectTime.TotalMilliseconds;
        return configuration;
    }

    /// <summary>Sends a command, or several at once, and waits for the answer for a limited time. Fails by its answer, never by throwing.</summary>
    /// <param name="lane">The connection.</param>
    /// <param name="valueBytes">Bytes of values that travel.</param>
    /// <param name="command">Begins the command.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was ended.</exception>
    public async Task<RedisAnswer<T>> AskAsync<T>(
        RedisLane lane, long valueBytes, Func<IDatabase, Task<T>> command, CancellationToken cancellationToken = default)
    {
        if (!IsAnswering)
        {
            StartProbe();
            return default;
        }

        TimeSpan limit = _options.Timeout + TimeSpan.FromSeconds((double)valueBytes / _options.MinBytesPerSecond);
        RedisAnswer<T> answer = await AskAsync(_guarded, lane, limit, command, cancellationToken);
        if (!answer.IsAnswered)
        {
            StartProbe();
        }

        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task probe;
        lock (_probeLock)
        {
            probe = _probe;
        }

        await probe;
        foreach (Task<ConnectionMultiplexer> connection in _connections)
        {
            try
            {
                (await connection).Dispose();
            }
            catch (Exception error) when (error is RedisException or SocketException)
            {
                Log.NotConnected(_logger, error.Message);
            }
        }

        _stop.Dispose();
    }

    private static bool IsOutage(Exception error) =>
        error is TimeoutRejectedException or TimeoutException or RedisConnectionException or SocketException or ObjectDisposedException;

    private async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions configuration)
    {
        await Task.Yield();
        ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(configuration);
        connection.ConnectionFailed += (_, _) => StartProbe();
        connection.ConnectionRestored += (_, _) => _onLost();
        return connection;
    }

    private async Task<RedisAnswer<T>> AskAsync<T>(
        ResiliencePipeline pipeline, RedisLane lane, TimeSpan limit, Func<IDatabase, Task<T>> command, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(Limit, limit);
        try
        {
            T value = await pipeline.ExecuteAsync(
                static async (context, state) =>
                {
                    ConnectionMultiplexer connection = await state.Connection.WaitAsync(context.CancellationToken);
                    Task<T> answer = state.Command(connection.GetDatabase());

                    // An answer that comes too late may be an error that nobody waits for.
                    _ = answer.ContinueWith(static late => late.Exception, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously);
                    return await answer.WaitAsync(context.CancellationToken);
                },
                context,
                (Connection: _connections[(int)lane], Command: command));
            return new RedisAnswer<T>(true, value);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            if (error is TimeoutRejectedException or TimeoutException)
            {
                _counters.TimedOut();
            }
            else if (!IsOutage(error) && error is not BrokenCircuitException)
            {
                Log.Refused(_logger, error.Message);
            }

            return default;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private void StartProbe()
    {
        lock (_probeLock)
        {
            if (_probe.IsCompleted && !_stop.IsCancellationRequested)
            {
                _probe = Task.Run(ProbeAsync);
            }
        }
    }

    private async Task<bool> IsAnsweredAsync(RedisLane lane, TimeSpan limit) =>
        (await AskAsync(_limited, lane, limit, database => database.PingAsync(), _stop.Token)).IsAnswered;

    /// <summary>Gives Redis up when it does not answer, and comes back to it when it does.</summary>
    private async Task ProbeAsync()
    {
        bool wasAway = false;
        TimeSpan limit = _wasReached ? _options.Timeout : _options.Timeout + ConnectTime;
        try
        {
            while (!await IsAnsweredAsync(RedisLane.Queries, limit) || !await IsAnsweredAsync(RedisLane.Values, limit))
            {
                if (!wasAway)
                {
                    wasAway = true;
                    _counters.Outage();
                    Log.GivenUp(_logger, _options.ProbeInterval);
                    await _control.IsolateAsync(_stop.Token);
                    _onLost();
                }

                await Task.Delay(_options.ProbeInterval, _time, _stop.Token);
            }

            if (_circuit.CircuitState != CircuitState.Closed)
            {
                await _control.CloseAsync(_stop.Token);
            }

            _wasReached = true;
            if (wasAway)
            {
                _onRestored();
                Log.CameBack(_logger);
            }
        }
        catch (OperationCanceledException)
        {
            // The tier is being closed.
        }
    }
}
