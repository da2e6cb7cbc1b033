namespace Orleans.Activations;

internal enum ActivationState
{
    /// <summary>Waits for its first call.</summary>
    Created,

    /// <summary>Constructing, reading state, running OnActivateAsync. Calls wait.</summary>
    Activating,

    /// <summary>Serves calls.</summary>
    Active,

    /// <summary>Running calls finish, then OnDeactivateAsync runs. New calls wait and are handed on.</summary>
    Deactivating,

    /// <summary>Takes nothing any more.</summary>
    Ended,
}
