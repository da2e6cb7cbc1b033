// The work of encoding Blocks of one layer: where 64 tokens of K and V come from, and where their payloads go.
//
// K and V stand in rows of 16-bit floats (prefill), or in an open Block. The payload is written as a slab has it, as the pool has it, or both.
#ifndef KVCLUSTER_ENCODE_CUH
#define KVCLUSTER_ENCODE_CUH
#include "encode_work.cuh"
#include "tiles.cuh"

// What find_ranges leaves of an item for write_codes.
struct Scratch
{
    float* base;
    int kvHeads;

    DEVICE Scratch(const EncodeWork& work, int item) : base(work.scratch + (u64)item * each(work.kvHeads)), kvHeads(work.kvHeads) {}

    static DEVICE int each(int kvHeads) { return kvHeads * (320 + 2 * HEAD_SIZE); }

    // Least and greatest value of each token, over a head's channels.
    DEVICE float2* ranges(int tensor, int head) const { return (float2*)base + (tensor * kvHeads + head) * 64; }

    // 1 / scale of a head's channels.
    DEVICE float* inverses(int tensor, int head) const { return base + kvHeads * 256 + (tensor * kvHeads + head) * HEAD_SIZE; }

    // A head's part of each token's attention.
    DEVICE float* attention(int head) const { return base + kvHeads * (256 + 2 * HEAD_SIZE) + head * 64; }
};

// A head of K or V; `tile` is used on the way when K stands by channels.
DEVICE void load_tile(Chunks& chunks, const EncodeWork& work, const EncodeItem& item, bool isKey, int head, u16* tile)
{
    if (!item.isOpen)
    {
        const int stride = isKey ? work.keyStride : work.valueStride;
        chunks.read((isKey ? work.key : work.value) + (u64)item.source * stride + head * HEAD_SIZE, stride);
        return;
    }

    const u16* keys = (const u16*)(work.open + item.source * work.openStride) + (u64)head * 128 * HEAD_SIZE;
    if (!isKey)
    {
        chunks.read(keys + 64 * HEAD_SIZE, HEAD_SIZE);
        return;
    }

    spread_halves(tile, keys);
    __syncthreads();
    chunks.read(tile, PITCH);
    __syncthreads();
}

#endif
