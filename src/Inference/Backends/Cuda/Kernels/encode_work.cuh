// What is to be encoded: EncodeItem says of a Block where its K and V are, in rows (as a matrix product leaves them) or in an open Block, and where its
// payload goes, to the pool of sealed Blocks, to the slabs, or both.
#ifndef KVCLUSTER_ENCODE_WORK_CUH
#define KVCLUSTER_ENCODE_WORK_CUH
#include "primitives.cuh"

struct EncodeItem
{
    int source;   // first row, or place of the open Block
    int isOpen;
    int pooled;   // place in the pool; -1: not there
    int slab;     // place among slabs; -1: not there
    u64 probes;   // of `zipcache`: bit t says that token t is a probe
    int queries;  // place of its probes' queries, [probe][heads][HEAD_SIZE]; -1: they are the rows' own
    int unused;
};

struct EncodeWork
{
    const u16* query;    // [rows][heads][HEAD_SIZE], queryStride from row to row
    const u16* key;      // [rows][kvHeads][HEAD_SIZE]
    const u16* value;
    const u8* open;
    const u16* queries;  // of probes, queriesStride from item to item
    u8* sealed;
    u8* slabs;
    const EncodeItem* items;
    float* scratch;      // Scratch::each floats an item
    u64 openStride;      // bytes
    u64 queriesStride;   // 16-bit values, as all strides below
    u64 sealedStride;    // bytes
    u64 slabStride;      // bytes
    int queryStride;
    int keyStride;
    int valueStride;
    int kvHeads;
    int group;
    int count;
    int norm;            // SaliencyNorm
    float softmaxScale;
};

// K (or V) of a payload, in both places.
struct Destinations
{
    u8* places[2];

    DEVICE Destinations(const EncodeWork& work, const EncodeItem& item, u32 slabOffset, u32 poolOffset)
    {
        places[0] = item.slab < 0 ? nullptr : work.slabs + item.slab * work.slabStride + slabOffset;
        places[1] = item.pooled < 0 ? nullptr : work.sealed + item.pooled * work.sealedStride + poolOffset;
    }

    template <typename T>
    DEVICE void write(u32 at, T value) const
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            if (places[i])
            {
                *(T*)(places[i] + at) = value;
            }
        }
    }
};

#endif
