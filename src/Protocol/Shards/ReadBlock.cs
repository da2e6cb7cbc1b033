using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>How far a read is with one Block, and which places are left to ask. Guarded by its run.</summary>
internal sealed class ReadBlock(int index, WantedBlock wanted, BlockPlaces places) : IDisposable
{
    private readonly PlaceState[] _states = new PlaceState[places.Addresses.Length];
    private readonly bool[] _layersSeen = new bool[wanted.Expected.Geometry!.LayerCount];
    private int _seenCount;
    private SlabLease?[]? _copies;

    public int Index => index;

    public WantedBlock Wanted => wanted;

    public BlockPlaces Places => places;

    public int LayerCount => _layersSeen.Length;

    public bool IsComplete => _seenCount == _layersSeen.Length;

    /// <summary>A Tail is not kept, so it is not brought home either.</summary>
    private bool IsTransient => wanted.Expected.TokenCount < KvGeometry.BlockTokenCount;

    /// <summary>The place to ask next: those that failed lately after the others, those that sent damage once at last. Null: none is left.</summary>
    public string? NextPlace(ShardHealth health, int count)
    {
        string? suspect = null;
        string? damaged = null;
        for (int i = 0; i < count; i++)
        {
            string address = places.Addresses[i];
            if (_states[i] == PlaceState.Untried && !health.IsSuspect(address))
            {
                return address;
            }

            suspect ??= _states[i] == PlaceState.Untried ? address : null;
            damaged ??= _states[i] == PlaceState.DamagedOnce ? address : null;
        }

        return suspect ?? damaged;
    }

    /// <summary>A home that could answer in place of <paramref name="address"/>.</summary>
    public string? ReplicaOf(string address, ShardHealth health)
    {
        for (int i = 0; i < places.HomeCount; i++)
        {
            string home = places.Addresses[i];
            if (home != address && _states[i] == PlaceState.Untried && !health.IsSuspect(home))
            {
                return home;
            }
        }

        return null;
    }

    public bool HasLayer(int layer) => _layersSeen[layer];

    /// <summary>Homes that should get the Block, seeing that it came from <paramref name="address"/>.</summary>
    public string[] HomesInNeed(string address)
    {
        bool isMoved = !places.IsHome(address);
        return IsTransient ? [] : [.. places.Addresses
            .Take(places.HomeCount)
            .Where((home, i) => home != address && (isMoved || _states[i] == PlaceState.Lacking))];
    }

    /// <param name="layer">Of the slab.</param>
    /// <param name="copy">A share of it to bring home; null when that is not called for.</param>
    public void Accept(int layer, SlabLease? copy)
    {
        _layersSeen[layer] = true;
        _seenCount++;
        if (copy is not null && !TryKeep(layer, copy))
        {
            copy.Dispose();
        }
    }

    /// <summary>Takes over a slab to bring home, unless that layer is kept already.</summary>
    public bool TryKeep(int layer, SlabLease copy)
    {
        _copies ??= new SlabLease?[_layersSeen.Length];
        bool isNew = _copies[layer] is null;
        _copies[layer] ??= copy;
        return isNew;
    }

    /// <summary>The copies of all layers; null unless every one of them was kept.</summary>
    public SlabLease[]? TakeCopies()
    {
        if (_copies is null || Array.IndexOf(_copies, null) >= 0)
        {
            return null;
        }

        SlabLease[] taken = [.. _copies.Select(copy => copy!)];
        _copies = null;
        return taken;
    }

    /// <summary>The place does not have the Block, or not a good one.</summary>
    /// <returns>Whether that is new.</returns>
    public bool Lacks(string address)
    {
        bool isNew = _states[IndexOf(address)] != PlaceState.Lacking;
        Set(address, PlaceState.Lacking);
        return isNew;
    }

    /// <summary>A slab from there was damaged.</summary>
    /// <returns>Whether for the second time: then it is not the way here that is bad.</returns>
    public bool NoteDamage(string address)
    {
        PlaceState state = _states[IndexOf(address)];
        Set(address, state == PlaceState.Untried ? PlaceState.DamagedNow : state);
        return state == PlaceState.DamagedOnce;
    }

    /// <summary>Bytes that changed on the way are asked for again; anything else is wrong where it is kept.</summary>
    /// <returns>Whether the place should drop its copy.</returns>
    public bool Refuse(string address, SlabError reason)
    {
        // A wrong block or layer is one of the frame around the slab: the store has compared them.
        bool isDamage = reason is SlabError.Truncated or SlabError.BadMagic or SlabError.HeaderChecksum or SlabError.PayloadChecksum
            or SlabError.WrongBlock or SlabError.WrongLayer;
        return (!isDamage || NoteDamage(address)) && Lacks(address);
    }

    /// <summary>The place has said, or failed to say, all that it will.</summary>
    public void Leave(string address)
    {
        PlaceState state = _states[IndexOf(address)];
        Set(address, state switch
        {
            PlaceState.DamagedNow => PlaceState.DamagedOnce,
            PlaceState.Lacking => PlaceState.Lacking,
            _ => PlaceState.Done,
        });
    }

    /// <summary>Every place may be asked again; layers that are here stay.</summary>
    public void Reopen() => Array.Clear(_states);

    public void Dispose()
    {
        foreach (SlabLease? copy in _copies ?? [])
        {
            copy?.Dispose();
        }

        _copies = null;
    }

    private void Set(string address, PlaceState state) => _states[IndexOf(address)] = state;

    private int IndexOf(string address) => Array.IndexOf(places.Addresses, address);

    private enum PlaceState
    {
        Untried,
        DamagedNow,
        DamagedOnce,
        Lacking,
        Done,
    }
}
