// Decode attention on payloads that tables describe (stored.cuh): for each Sequence one query a head, its sealed Blocks in latent channels, its open Block in
// the model's own. Three kernels a layer:
//
//   project    stored_project.cu: queries to latent channels, in 16 bits, and to the model's own for the open Block
//   attend     stored_attention.cu: partial results and states, in latent channels
//   combine    stored_combine.cu: merges what chunks left, maps it back, and merges it with the open Block's
//
// Entries, chunks and slots are those of work.cuh, with an open Block that counts for one entry. Query heads stand in the order of the members of latent
// heads: query g of KV head members[m] is number m * group + g. Compile all with HEAD_SIZE.
#ifndef KVCLUSTER_STORED_WORK_CUH
#define KVCLUSTER_STORED_WORK_CUH
#include "stored.cuh"
#include "work.cuh"

struct StoredWork
{
    Work work;              // query: 32 bits; partials [slots][query heads][valueStride]
    StoredTable table;      // offsets are those in shared memory
    StoredTable open;       // of an open layer: halves, a latent head a KV head
    u16* queries;           // [2][sequences][query heads][keyStride]: of the table, of the open Block
    float2* queryScales;    // [2][sequences][query heads]: of products, to logits in base 2, and what is added to them
    float* openPartials;    // [sequences][query heads][HEAD_SIZE], by the open table's order
    float2* openStates;
    int keyStride;
    int valueStride;
    int stages;             // copies of a payload's parts on their way, 1 or 2
    int stageBytes;         // of one
    int tableBytes;         // of the tables of one head, in shared memory
};

// The latent head of a member.
DEVICE int stored_head_of(const StoredTable& table, int member)
{
    int latent = 0;
    while (member >= table.heads[latent].firstMember + table.heads[latent].members)
    {
        latent++;
    }

    return latent;
}

#endif
