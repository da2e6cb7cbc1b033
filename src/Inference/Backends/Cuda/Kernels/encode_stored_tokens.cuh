// Tensors whose tokens have one scale for all heads: scales of channels and the range of each token first, over a head, codes once all heads have theirs.
#ifndef KVCLUSTER_ENCODE_STORED_TOKENS_CUH
#define KVCLUSTER_ENCODE_STORED_TOKENS_CUH
#include "encode_stored_codes.cuh"

// Scales of a head's channels, to the payload and to `channels`.
template <bool KEYS>
DEVICE void encode_channels(const Matrix<KEYS>& m, const StoredRun& run, float* tile, u8* region, float* channels, const Destinations& to)
{
    int* greatest = (int*)region;
    int* numbers = greatest + 4;
    if (threadIdx.x == 0)
    {
        *greatest = 0;
    }

    __syncthreads();
    for (int channel = threadIdx.x; channel < m.channels; channel += THREADS)
    {
        float most = 0;
        for (int token = 0; token < 64; token++)
        {
            most = fmaxf(most, fabsf(tile[place_of(KEYS ? channel * 64 + (token + channel) % 64 : token * m.channels + channel)]));
        }

        numbers[channel] = scale_number(__fsqrt_rn(most));
        atomicMax(greatest, numbers[channel]);
    }

    __syncthreads();
    for (int channel = threadIdx.x; channel < m.channels; channel += THREADS)
    {
        const int step = min((*greatest - numbers[channel]) >> 1, 15);
        numbers[channel] = step;
        channels[channel] = __uint_as_float((u32)(*greatest - 2 * step + 888) << 20);
    }

    __syncthreads();
    for (int i = threadIdx.x; i < m.channels / 2; i += THREADS)
    {
        const int first = i / 8 * 16 + i % 8;
        to.write(run.step + i, (u8)(numbers[first] | numbers[first + 8] << 4));
    }

    if (threadIdx.x == 0)
    {
        to.write(run.greatest, (u8)*greatest);
    }

    __syncthreads();
}

// Scales of a head's channels, and what values are multiplied with.
struct ChannelScales
{
    float* scales;
    float* inverses;

    DEVICE ChannelScales(u8* region, int channels, const float* from) : scales((float*)region), inverses(scales + channels)
    {
#if STEPS
        for (int i = threadIdx.x; i < channels; i += THREADS)
        {
            scales[i] = from[i];
            inverses[i] = __fdiv_rn(1.f, from[i]);
        }

        __syncthreads();
#endif
    }

    DEVICE float scaled(float x, int channel) const { return STEPS ? __fmul_rn(x, inverses[channel]) : x; }

    DEVICE float restored(float n, int channel) const { return STEPS ? __fmul_rn(n, scales[channel]) : n; }
};

// Least and greatest value of each token, over a head's channels.
template <bool KEYS>
DEVICE void find_ranges(const Matrix<KEYS>& m, float* tile, u8* region, const float* channelScales, float2* ranges)
{
    float2* parts = (float2*)region;
    const ChannelScales channels(region + THREADS * sizeof(float2), m.channels, channelScales);
    float low = 3.4e38f, high = -3.4e38f;
    if (KEYS)
    {
        const int token = threadIdx.x % 64;
        for (int channel = threadIdx.x / 64; channel < m.channels; channel += THREADS / 64)
        {
            const float n = channels.scaled(tile[place_of(channel * 64 + token)], channel);
            low = fminf(low, n);
            high = fmaxf(high, n);
        }

        parts[threadIdx.x] = make_float2(low, high);
        __syncthreads();
        if (threadIdx.x < 64)
        {
            for (int i = token + 64; i < THREADS; i += 64)
            {
                low = fminf(low, parts[i].x);
                high = fmaxf(high, parts[i].y);
            }

            ranges[token] = make_float2(low, high);
        }

        return;
    }

    for (int token = threadIdx.x / 4; token < 64; token += SWEEP)
    {
        low = 3.4e38f;
        high = -3.4e38f;
        for (int channel = threadIdx.x % 4 * 4; channel < m.channels; channel += 16)
        {
            const float4 v = quarter(tile, token * m.channels + channel);
            const float n[4] = {channels.scaled(v.x, channel), channels.scaled(v.y, channel + 1), channels.scaled(v.z, channel + 2), channels.scaled(v.w, channel + 3)};
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                low = fminf(low, n[i]);
                high = fmaxf(high, n[i]);
            }
        }

#pragma unroll
        for (int other = 1; other < 4; other *= 2)
        {
            low = fminf(low, __shfl_xor_sync(FULL_WARP, low, other));
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, other));
        }

        if (threadIdx.x % 4 == 0)
        {
            ranges[token] = make_float2(low, high);
        }
    }
}

// The one run of a tensor whose tokens have one scale for all heads; `ranges` are of the first head, 64 a head.
template <bool KEYS>
DEVICE void encode_tokens(
    const Matrix<KEYS>& m, const StoredRun& run, float* tile, u8* region, const float* channelScales, const float2* ranges, int heads, bool isFirst, const Destinations& to)
{
    Affine affine(region, 64);
    const ChannelScales channels(region + 3 * 64 * sizeof(float), m.channels, channelScales);
    if (threadIdx.x < 64)
    {
        float2 range = ranges[threadIdx.x];
        for (int head = 1; head < heads; head++)
        {
            const float2 more = ranges[64 * head + threadIdx.x];
            range = make_float2(fminf(range.x, more.x), fmaxf(range.y, more.y));
        }

        const TokenParameters parameters(range, (float)((1 << run.bits) - 1));
        affine.set(threadIdx.x, parameters);
        if (isFirst)
        {
            to.write(run.scale + 2 * threadIdx.x, (u16)parameters.scale);
            to.write(run.zero + 2 * threadIdx.x, (u16)parameters.zero);
        }
    }

    __syncthreads();
    const float most = (float)((1 << run.bits) - 1);
    for (int group = threadIdx.x; group < m.groups(); group += THREADS)
    {
        const int row = m.row_of(group), firstColumn = 16 * (group - row * m.row_groups());
        float x[16];
        u32 code[16];
        read_group(tile, group, x);
#pragma unroll
        for (int j = 0; j < 16; j++)
        {
            const int token = KEYS ? firstColumn + j : row, channel = KEYS ? row : firstColumn + j;
            code[j] = code_of(channels.scaled(x[j], channel), affine.zeros[token], affine.inverses[token], most);
#if KEEPS_ERROR
            x[j] = __fsub_rn(x[j], channels.restored(fmaf((float)code[j], affine.scales[token], affine.zeros[token]), channel));
#endif
        }

        write_codes(to, run.offset + 2 * run.bits * group, run.bits, code);
#if KEEPS_ERROR
        write_group(tile, group, x);
#endif
    }

    __syncthreads();
}

#endif
