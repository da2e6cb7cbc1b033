// Encodes Blocks of one layer to payloads that a table describes (stored.cuh, docs/slab-format.md): the bytes of the codec on the CPU, since every sum has its
// order and every operation rounds once. encode_stored.cuh has the shapes and what to compile with.
//
//   project_stored  grid (slices of 64 latent channels, items, 2 * latent heads): of MAPS only, latent heads to scratch
//   begin_stored    grid (latent heads, items, 2 for K and V): outliers; codes and residual, or, where tokens have one scale for all heads, scales of
//                   channels and each token's range over the head
//   finish_stored   grid (latent heads, items, tensors whose tokens have one scale for all heads): their codes and residual
#include "encode_stored_fit.cuh"
#include "encode_stored_project.cuh"
#include "encode_stored_tokens.cuh"

// What begin_stored makes of a matrix goes on in scratch: it came from there, or is no longer what a KV head holds.
#define KEEPS_TILE (MAPS || OUTLIERS)

struct Scene
{
    const EncodeItem& item;
    const StoredHead& head;
    const EncodePlace& place;
    float* scratch;
    Destinations to;

    DEVICE Scene(const StoredEncodeWork& work, int head)
        : item(work.blocks.items[blockIdx.y]), head(work.table.heads[head]), place(work.places[head]),
          scratch(work.blocks.scratch + blockIdx.y * work.scratchEach), to(work.blocks, item, 0, 0)
    {
    }

    DEVICE float2* ranges(int tensor, int heads) const { return (float2*)scratch + tensor * heads * 64; }
};

// The matrix in shared memory, or where it stays.
template <bool KEYS>
DEVICE float* open_tile(const StoredEncodeWork& work, const Scene& scene, const Matrix<KEYS>& m, float* shared, bool isKept)
{
    float* kept = scene.scratch + scene.place.latent[KEYS ? 0 : 1];
#if SPILLS
    float* tile = 64 * m.channels > work.tileFloats ? kept : shared;
#else
    float* tile = shared;
#endif
    if (!isKept)
    {
        load_head<KEYS>(work.blocks, scene.item, work.table.members[scene.head.firstMember], tile);
    }
    else if (tile != kept)
    {
        copy_tile(tile, kept, 64 * m.channels);
    }

    __syncthreads();
    return tile;
}

template <bool KEYS>
DEVICE void begin(const StoredEncodeWork& work, u8* shared)
{
    const int tensor = KEYS ? 0 : 1;
    const Scene scene(work, blockIdx.x);
    const Matrix<KEYS> m(scene.head);
    u8* region = shared + work.tileFloats * sizeof(float);
    float* tile = open_tile<KEYS>(work, scene, m, (float*)shared, MAPS);
    const StoredResidual& residual = scene.head.residuals[tensor];
    const OutlierList list(scene.scratch + scene.place.outliers[tensor], residual.outliers);
#if OUTLIERS
    if (residual.outliers > 0)
    {
        take_outliers(m, residual, tile, region, list, scene.to);
    }
#endif
    const StoredRun* runs = work.table.runs + scene.head.firstRun[tensor];
    if (KEYS ? KEYS_SHARED : VALUES_SHARED)
    {
        float* channels = scene.scratch + scene.place.channels[tensor];
#if STEPS
        encode_channels(m, runs[0], tile, region, channels, scene.to);
#endif
        find_ranges(m, tile, region, channels, scene.ranges(tensor, work.table.headCount) + 64 * blockIdx.x);
        float* kept = scene.scratch + scene.place.latent[tensor];
        if (OUTLIERS && tile != kept)
        {
            copy_tile(kept, tile, 64 * m.channels);
        }

        return;
    }

    for (int i = 0; i < scene.head.runs[tensor]; i++)
    {
        encode_run(m, runs[i], tile, region, scene.to);
    }

#if KEEPS_ERROR
    fit(m, residual, tile, region, list, work.layer, scene.to);
#endif
}

template <bool KEYS>
DEVICE void finish(const StoredEncodeWork& work, u8* shared)
{
    const int tensor = KEYS ? 0 : 1;
    const Scene scene(work, blockIdx.x);
    const Matrix<KEYS> m(scene.head);
    u8* region = shared + work.tileFloats * sizeof(float);
    float* tile = open_tile<KEYS>(work, scene, m, (float*)shared, KEEPS_TILE);
    encode_tokens(
        m, work.table.runs[scene.head.firstRun[tensor]], tile, region, scene.scratch + scene.place.channels[tensor],
        scene.ranges(tensor, work.table.headCount), work.table.headCount, blockIdx.x == 0, scene.to);
#if KEEPS_ERROR
    const StoredResidual& residual = scene.head.residuals[tensor];
    const OutlierList list(scene.scratch + scene.place.outliers[tensor], residual.outliers);
    fit(m, residual, tile, region, list, work.layer, scene.to);
#endif
}

#if MAPS
extern "C" __global__ void __launch_bounds__(PROJECT_THREADS) project_stored(const __grid_constant__ StoredEncodeWork work)
{
    wait_for_earlier();
    launch_dependents();
    const int tensor = blockIdx.z % 2;
    const Scene scene(work, blockIdx.z / 2);
    if (SLICE * (int)blockIdx.x >= scene.head.channels[tensor])
    {
        return;
    }

    float* latent = scene.scratch + scene.place.latent[tensor];
    if (tensor == 0)
    {
        project<true>(work, scene.item, scene.head, latent);
    }
    else
    {
        project<false>(work, scene.item, scene.head, latent);
    }
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) begin_stored(const __grid_constant__ StoredEncodeWork work)
{
    extern __shared__ __align__(16) u8 shared[];
    wait_for_earlier();
    launch_dependents();
    if (blockIdx.x == 0 && blockIdx.z == 0)
    {
        const Scene scene(work, 0);
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            for (u32 at = threadIdx.x; at < work.zeros[i]; at += THREADS)
            {
                scene.to.write(work.zerosAt[i] + at, (u8)0);
            }
        }
    }

    if (blockIdx.z == 0)
    {
        begin<true>(work, shared);
    }
    else
    {
        begin<false>(work, shared);
    }
}

#if KEYS_SHARED || VALUES_SHARED
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) finish_stored(const __grid_constant__ StoredEncodeWork work)
{
    extern __shared__ __align__(16) u8 shared[];
    wait_for_earlier();
    launch_dependents();
    if (KEYS_SHARED && blockIdx.z == 0)
    {
        finish<true>(work, shared);
    }
    else
    {
        finish<false>(work, shared);
    }
}
#endif
