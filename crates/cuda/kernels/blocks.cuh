// What the kernels for ggml's blocks share. Layouts: ggml-common.h of ggml-org/llama.cpp. Products
// and differences are rounded in the order of its plain versions.
#pragma once
#include "dialect.cuh"

DEVICE uint32_t half_at(const unsigned char *block, int at) {
    return block[at] | static_cast<uint32_t>(block[at + 1]) << 8;
}

DEVICE float scale_at(const unsigned char *block, int at) {
    return float_of_half(static_cast<uint16_t>(half_at(block, at)));
}

// The 4-bit code i of 32: those of the low halves of 16 bytes come first, then the high ones.
DEVICE int nibble(const unsigned char *codes, int i) {
    return i < 16 ? codes[i] & 0xf : codes[i - 16] >> 4;
}

// Each thread widens 8 neighbours, which lie in one block and share its scales. `Format` says how
// long a block is, and what the values from `at` on are.
template <class Format, class T>
DEVICE void widen_blocks(const unsigned char *bytes, T *out, long long count) {
    long long first = 8 * thread_of_launch();
    if (first >= count) return;
    const unsigned char *block = bytes + first / Format::VALUES * Format::BYTES;
    float values[8];
    Format::widen(block, static_cast<int>(first % Format::VALUES), values);
    store8(out + first, values, 8);
}

#define WIDEN_BLOCKS(name, Format)                                                                 \
    KERNEL name##_bf16(const unsigned char *bytes, bf16 *out, long long count) {                   \
        widen_blocks<Format, bf16>(bytes, out, count);                                             \
    }                                                                                              \
    KERNEL name##_f32(const unsigned char *bytes, float *out, long long count) {                   \
        widen_blocks<Format, float>(bytes, out, count);                                            \
    }
