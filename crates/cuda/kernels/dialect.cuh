// The plain C++ that the kernels are written in, and the few functions behind which the assembly
// of a GPU stands. With SIGMALAB_FIBRES these are what the emulator makes of them, so that every
// kernel also compiles as C++ and runs on a processor.
#pragma once

#ifdef SIGMALAB_FIBRES
#include "../emulator/fibres.h"
#else
#include <stdint.h>
#endif

// A number in bfloat16, as its bits.
struct bf16 {
    uint16_t bits;
};

// 16 bytes that are moved at once.
struct alignas(16) Quad {
    uint32_t words[4];
};

#ifdef SIGMALAB_FIBRES

#define KERNEL static void

#else

#define KERNEL extern "C" __global__ void
#define SHARED(type, name, count) __shared__ type name[count]
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define DEVICE static __device__ __forceinline__

// Rounds to nearest, ties to even.
DEVICE uint16_t round_bits(float value) {
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

DEVICE float float_of_bits(uint32_t bits) { return __uint_as_float(bits); }

// The f16 of these bits.
DEVICE float float_of_half(uint16_t bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

// 2 to the power of value, to about 22 bits; 0 for minus infinity.
DEVICE float power_of_two(float value) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(value));
    return power;
}

// The value of the lane whose number differs in the bits of mask. All 32 lanes take part.
DEVICE float from_lane(float value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask, 32);
}

// Waits for all threads of the block.
DEVICE void meet() { __syncthreads(); }

// d += a * b, where a is 16 × 16, b 16 × 8 and d 16 × 8, spread over the lanes of a warp as PTX
// describes for mma.m16n8k16.
DEVICE void multiply_tile(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices of 8 × 8 numbers of two bytes. Lane i names row i % 8 of matrix i / 8; each lane
// gets two neighbours of row lane / 4 of every matrix.
DEVICE void load_matrices(uint32_t (&d)[4], const void *row) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
}

// The same, with every matrix transposed.
DEVICE void load_matrices_transposed(uint32_t (&d)[4], const void *row) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
}

// Begins to copy 16 bytes to shared memory, or 16 zeros where there are none to copy.
DEVICE void begin_copy(void *shared, const void *global, bool present) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    int bytes = present ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global),
                 "r"(bytes)
                 : "memory");
}

// Closes a group of copies.
DEVICE void close_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most `left` groups of this thread's copies are on their way.
template <int left> DEVICE void await_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

DEVICE float square_root(float value) { return __fsqrt_rn(value); }
DEVICE float exponential(float value) { return expf(value); }
DEVICE float larger(float a, float b) { return fmaxf(a, b); }

#endif

DEVICE float widen(bf16 value) { return float_of_bits(static_cast<uint32_t>(value.bits) << 16); }
DEVICE float widen(float value) { return value; }

// Writes a value, rounded where the place is narrower.
DEVICE void put(float *to, float value) { *to = value; }
DEVICE void put(bf16 *to, float value) { to->bits = round_bits(value); }

// Two numbers in one word, the first in its low half.
DEVICE uint32_t pair(float first, float second) {
    return static_cast<uint32_t>(round_bits(first)) |
           static_cast<uint32_t>(round_bits(second)) << 16;
}

// Whether 16 bytes can be moved at once from or to there.
DEVICE bool is_aligned(const void *place) {
    return reinterpret_cast<uintptr_t>(place) % 16 == 0;
}

// Writes 8 values at out, of which the first `count` are there.
DEVICE void store8(bf16 *out, const float (&values)[8], int count) {
    if (count >= 8 && is_aligned(out)) {
        Quad quad;
        for (int i = 0; i < 4; ++i) quad.words[i] = pair(values[2 * i], values[2 * i + 1]);
        *reinterpret_cast<Quad *>(out) = quad;
        return;
    }
    for (int i = 0; i < 8; ++i) {
        if (i < count) put(out + i, values[i]);
    }
}
DEVICE void store8(float *out, const float (&values)[8], int count) {
    for (int i = 0; i < 8; ++i) {
        if (i < count) put(out + i, values[i]);
    }
}

// 8 bytes, the first one lowest, of which the first `count` are there.
DEVICE uint64_t load8(const unsigned char *bytes, int count) {
    if (count >= 8 && reinterpret_cast<uintptr_t>(bytes) % 8 == 0) {
        return *reinterpret_cast<const uint64_t *>(bytes);
    }
    uint64_t eight = 0;
    for (int i = 0; i < 8; ++i) {
        if (i < count) eight |= static_cast<uint64_t>(bytes[i]) << (8 * i);
    }
    return eight;
}

// The number of this thread among all of the launch.
DEVICE long long thread_of_launch() {
    return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}

// The sum of every thread's value in each thread, always added in the same order. `lanes` is
// shared memory for 32 values; the block has whole warps.
DEVICE float sum_of_block(float value, float *lanes) {
    for (int mask = 16; mask > 0; mask /= 2) value += from_lane(value, mask);
    int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    if (threadIdx.x % 32 == 0) lanes[warp] = value;
    meet();
    float sum = 0.0f;
    for (int i = 0; i < warps; ++i) sum += lanes[i];
    // Nobody writes the next sum's values before all have read these.
    meet();
    return sum;
}

// The largest of every thread's value in each thread. `lanes` is as for a sum.
DEVICE float largest_of_block(float value, float *lanes) {
    for (int mask = 16; mask > 0; mask /= 2) value = larger(value, from_lane(value, mask));
    int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    if (threadIdx.x % 32 == 0) lanes[warp] = value;
    meet();
    float largest = lanes[0];
    for (int i = 1; i < warps; ++i) largest = larger(largest, lanes[i]);
    // Nobody writes the next sum's values before all have read these.
    meet();
    return largest;
}
