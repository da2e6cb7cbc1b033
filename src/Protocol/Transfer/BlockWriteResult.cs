namespace KvCluster.Protocol.Transfer;

/// <summary>What the store acknowledged at the end of a <see cref="BlockWriter"/>.</summary>
/// <param name="SlabsSent">Slabs written to the call.</param>
/// <param name="BytesSent">Their bytes, headers included.</param>
/// <param name="SlabsStored">Slabs that the store took.</param>
/// <param name="BytesStored">Their bytes.</param>
/// <param name="SlabsKnown">Slabs of blocks that the store held already.</param>
/// <param name="IncompleteBlocks">Blocks that the store dropped because layers of them never came.</param>
public sealed record BlockWriteResult(
    int SlabsSent, long BytesSent, int SlabsStored, long BytesStored, int SlabsKnown, int IncompleteBlocks);
