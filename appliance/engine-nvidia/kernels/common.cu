#line 2 "common.cu"
// From 16-bit samples to the network's input, and from the class activation map to its surface over the original image.
// The steps of `imaging::prepare` and `inference::cam`, in their order of operations, so that the bits are the same: built
// without fused multiply-add. No header, warp intrinsic, texture or atomic on floats: sums have one fixed order, and what is
// atomic is a whole number's minimum, maximum, sum or OR. The four parts common, crop, input and cam, in this order, are one
// source: NVRTC compiles it for a device and a C++ compiler for tests. What launches it, and with what, is `plan.rs`.
// Everything stays on the device between the first launch and the last: the few steps that have no parallelism (Otsu's
// threshold, regions of at most 160 x 160 cells, percentiles) are the work of one block.

#define LANES 512            // threads of a block, unless the kernel says otherwise
#define TILE_COLUMNS 256     // survey: columns of a block, one for each thread
#define TILE_ROWS 16         // survey: rows that are in shared memory at a time
#define STRIP_ROWS 128       // survey: rows of a block
#define CELLS_A_BLOCK 16     // cells of the coarse grid side by side in a block
#define CELL_SIDE_MAX 64     // pixels along a cell of the coarse grid
#define KEPT_COLUMNS_MAX 8192
#define CAM_CELLS_MAX 4096
#define SURFACE_ROWS 16      // rows of the surface that a block writes
#define BINS 256
#define NONE 0xffffffffu
#define REMOVED (-0x7fffffff)

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// A kernel, and the most threads of its blocks.
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define DEVICE static __device__ __forceinline__

// Words of the state that one kernel leaves for the next ones and for the host.
enum {
    LEAST, GREATEST, BLANK, KEPT_ROWS, KEPT_COLUMNS, TOP, LEFT, PLACED_ROWS, PLACED_COLUMNS, LOW, HIGH, ROUNDS, STATE_WORDS
};

DEVICE u32 least_of(u32 a, u32 b) { return a < b ? a : b; }
DEVICE u32 greatest_of(u32 a, u32 b) { return a > b ? a : b; }
DEVICE double lesser(double a, double b) { return a < b ? a : b; }
DEVICE double greater(double a, double b) { return a > b ? a : b; }
DEVICE u64 at(u32 row, u32 columns, u32 column) { return (u64)row * columns + column; }
// Half away from zero, of what is not negative.
DEVICE u32 rounded(double value) { u32 whole = (u32)value; return value - (double)whole >= 0.5 ? whole + 1 : whole; }

// IEEE 754 binary16, rounded to nearest even.
DEVICE u16 half_of(float value) {
#ifdef __CUDA_ARCH__
    u16 half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
#else
    u32 bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u, exponent = bits >> 23 & 0xffu;
    u32 fraction = (bits & 0x7fffffu) | (exponent ? 0x800000u : 0u);
    if (exponent == 255) return (u16)(fraction & 0x7fffffu ? 0x7fffu : sign | 0x7c00u);
    if (exponent > 142) return (u16)(sign | 0x7c00u);
    if (exponent < 102) return (u16)sign;
    // 24 significant bits become 11, or fewer below 2^-14.
    u32 dropped = exponent >= 113 ? 13 : 126 - exponent;
    u32 kept = fraction >> dropped, rest = fraction & ((1u << dropped) - 1u), middle = 1u << (dropped - 1);
    kept += rest > middle || (rest == middle && (kept & 1u)) ? 1u : 0u;
    return (u16)(sign | (exponent >= 113 ? kept + ((exponent - 113) << 10) : kept));
#endif
}

// Adds to counters in shared memory, one atomic for a whole run of the same counter: a black background is one counter.
struct Run {
    u32* counts;
    u32 counter, length;
};
DEVICE void flush(Run& run) { if (run.length) atomicAdd(&run.counts[run.counter], run.length); run.length = 0; }
DEVICE void count(Run& run, u32 counter) {
    if (counter != run.counter) { flush(run); run.counter = counter; }
    run.length++;
}
