// GGUF's Q6_K: 256 values of 6 bits in 16 groups, whose scales have 8 bits.
#include "blocks.cuh"

struct Q6K {
    static constexpr int VALUES = 256, BYTES = 210;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        // Each half of 128 values: four runs of 32 from 64 bytes of low and 32 of high bits.
        int side = at / 128, run = at / 32 % 4, within = at % 32;
        const unsigned char *low = block + 64 * side + 32 * (run % 2) + within;
        const unsigned char *high = block + 128 + 32 * side + within;
        int of_group = static_cast<signed char>(block[192 + 8 * side + 2 * run + within / 16]);
        float scale = scale_at(block, 208) * static_cast<float>(of_group);
        for (int i = 0; i < 8; ++i) {
            int code = (low[i] >> (4 * (run / 2)) & 0xf) | (high[i] >> (2 * run) & 3) << 4;
            values[i] = scale * static_cast<float>(code - 32);
        }
    }
};

WIDEN_BLOCKS(widen_q6_k, Q6K)
