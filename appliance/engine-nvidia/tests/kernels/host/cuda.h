// What CUDA C++ has beyond C++, as far as the kernels use it, for a C++ compiler.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

struct Dimensions {
    unsigned x, y, z;
};

#define __global__
#define __device__
#define __forceinline__ inline
// Blocks run one after the other, so that one copy is enough; it keeps what the block before left, as on a device.
#define __shared__ static
#define __launch_bounds__(threads)

inline thread_local Dimensions threadIdx, blockIdx;
inline Dimensions blockDim, gridDim;

inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline unsigned atomicAdd(unsigned* place, unsigned value) { return __atomic_fetch_add(place, value, __ATOMIC_RELAXED); }
inline unsigned atomicOr(unsigned* place, unsigned value) { return __atomic_fetch_or(place, value, __ATOMIC_RELAXED); }
inline unsigned atomicMin(unsigned* place, unsigned value) {
    unsigned old = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (value < old && !__atomic_compare_exchange_n(place, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}
inline unsigned atomicMax(unsigned* place, unsigned value) {
    unsigned old = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (value > old && !__atomic_compare_exchange_n(place, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}

// The lane's number in its block.
inline Dimensions lane_place(unsigned lane) {
    return {lane % blockDim.x, lane / blockDim.x % blockDim.y, lane / (blockDim.x * blockDim.y)};
}
inline Dimensions block_place(unsigned block) {
    return {block % gridDim.x, block / gridDim.x % gridDim.y, block / (gridDim.x * gridDim.y)};
}
