// One PTX instruction a function: what CUDA C++ has no name for without its headers, which NVRTC may not find.
#ifndef KVCLUSTER_PRIMITIVES_CUH
#define KVCLUSTER_PRIMITIVES_CUH

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define DEVICE __device__ __forceinline__
#define FULL_WARP 0xffffffffu

// A logit of what is not seen.
#define NOTHING -1e30f

DEVICE u32 permute(u32 a, u32 b, u32 selector)
{
    u32 d;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
    return d;
}

// (a & mask) | bits
DEVICE u32 select_or(u32 a, u32 mask, u32 bits)
{
    u32 d;
    asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(d) : "r"(a), "r"(mask), "r"(bits));
    return d;
}

// Two 16-bit floats, each times its partner.
DEVICE u32 multiply_halves(u32 a, u32 b)
{
    u32 d;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

DEVICE u32 pack_halves(float low, float high)
{
    u32 d;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
    return d;
}

DEVICE float half_to_float(u16 bits)
{
    float d;
    asm("cvt.f32.f16 %0, %1;" : "=f"(d) : "h"(bits));
    return d;
}

DEVICE float low_half(u32 pair) { return half_to_float((u16)pair); }

DEVICE float high_half(u32 pair) { return half_to_float((u16)(pair >> 16)); }

// 2^x
DEVICE float exp2_fast(float x)
{
    float d;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(d) : "f"(x));
    return d;
}

DEVICE float log2_fast(float x)
{
    float d;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(d) : "f"(x));
    return d;
}

// d = a (16 x 16, rows) * b (16 x 8, columns) + c. Lane 4g+q holds rows g and g+8 of a and d, column g of b.
DEVICE void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, float c0, float c1, float c2, float c3)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c0), "f"(c1), "f"(c2), "f"(c3));
}

// d += a * b
DEVICE void mma_add(float* d, const u32 (&a)[4], u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices of 16-bit values, a row from each lane's address: lane 4g+q gets row g, columns 2q and 2q+1 of each.
DEVICE void load_matrices(u32 (&d)[4], u32 shared)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared));
}

// Transposes an 8 x 8 matrix of 16-bit values: lane 4g+q gives and gets row g, columns 2q and 2q+1.
DEVICE u32 transpose_8x8(u32 a)
{
    u32 d;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(d) : "r"(a));
    return d;
}

DEVICE u32 warp_max(u32 a)
{
    u32 d;
    asm volatile("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(d) : "r"(a));
    return d;
}

DEVICE u32 shared_address(const void* shared)
{
    u32 d;
    asm("{ .reg .u64 a; cvta.to.shared.u64 a, %1; cvt.u32.u64 %0, a; }" : "=r"(d) : "l"(shared));
    return d;
}

DEVICE void copy16_async(u32 shared, const void* global)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
}

DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int PENDING>
DEVICE void wait_copies()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Streams: read once, kept out of the first-level cache.
DEVICE uint4 load16_once(const void* global)
{
    uint4 d;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(d.x), "=r"(d.y), "=r"(d.z), "=r"(d.w) : "l"(global));
    return d;
}

// Loads stay on their side: the compiler would gather all of an unrolled loop and run out of registers.
DEVICE void keep_order() { asm volatile("" ::: "memory"); }

// A pointer to which constants are added as offsets: the compiler would keep each sum of loop invariants in registers of its own.
DEVICE void keep_pointer(const u8*& p) { asm volatile("" : "+l"(p)); }

// (high:low) >> shift, its lower word
DEVICE u32 funnel(u32 low, u32 high, u32 shift)
{
    u32 d;
    asm("shf.r.wrap.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(low), "r"(high), "r"(shift));
    return d;
}

// Programmatic dependent launch: the next kernel may start; all that earlier kernels wrote is there.
// Before compute capability 9.0 there is no such thing, and kernels run one after another.
#if __CUDA_ARCH__ >= 900
DEVICE void launch_dependents() { asm volatile("griddepcontrol.launch_dependents;"); }

DEVICE void wait_for_earlier() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
#else
DEVICE void launch_dependents() {}

DEVICE void wait_for_earlier() {}
#endif

// The sum (or maximum) over the 8 lanes that share q.
DEVICE float sum_over_rows(float x)
{
    x += __shfl_xor_sync(FULL_WARP, x, 4);
    x += __shfl_xor_sync(FULL_WARP, x, 8);
    return x + __shfl_xor_sync(FULL_WARP, x, 16);
}

DEVICE float max_over_rows(float x)
{
    x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 4));
    x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 8));
    return fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 16));
}

// Over the 4 lanes that share g.
DEVICE float max_over_columns(float x)
{
    x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 1));
    return fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 2));
}

DEVICE float sum_over_columns(float x)
{
    x += __shfl_xor_sync(FULL_WARP, x, 1);
    return x + __shfl_xor_sync(FULL_WARP, x, 2);
}

#endif
