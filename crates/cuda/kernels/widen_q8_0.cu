// GGUF's Q8_0: 32 values of 8 bits and one scale.
#include "blocks.cuh"

struct Q8_0 {
    static constexpr int VALUES = 32, BYTES = 34;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0);
        for (int i = 0; i < 8; ++i) {
            values[i] = static_cast<float>(static_cast<signed char>(block[2 + at + i])) * scale;
        }
    }
};

WIDEN_BLOCKS(widen_q8_0, Q8_0)
