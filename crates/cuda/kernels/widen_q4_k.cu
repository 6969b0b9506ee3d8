// GGUF's Q4_K: 256 values of 4 bits in 8 groups, whose scales and minima have 6 bits.
#include "k_quants.cuh"

struct Q4K {
    static constexpr int VALUES = 256, BYTES = 144;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        int group = at / 32;
        float scale, minimum;
        scales_of_group(block, group, scale, minimum);
        const unsigned char *codes = block + 16 + group / 2 * 32 + at % 32;
        for (int i = 0; i < 8; ++i) {
            float code = static_cast<float>(codes[i] >> (4 * (group % 2)) & 0xf);
            values[i] = scale * code - minimum;
        }
    }
};

WIDEN_BLOCKS(widen_q4_k, Q4K)
