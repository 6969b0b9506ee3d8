// GGUF's other blocks: Q4_0, Q4_1, Q5_0, Q5_1, Q5_K and IQ4_NL, one value after the other.
#include "k_quants.cuh"

struct Q4_0 {
    static constexpr int VALUES = 32, BYTES = 18;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0);
        for (int i = 0; i < 8; ++i) {
            values[i] = static_cast<float>(nibble(block + 2, at + i) - 8) * scale;
        }
    }
};

struct Q4_1 {
    static constexpr int VALUES = 32, BYTES = 20;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0), minimum = scale_at(block, 2);
        for (int i = 0; i < 8; ++i) {
            values[i] = static_cast<float>(nibble(block + 4, at + i)) * scale + minimum;
        }
    }
};

// The fifth bit of code i of 32.
DEVICE int fifth_bit(const unsigned char *high, int i) { return high[i / 8] >> (i % 8) & 1; }

struct Q5_0 {
    static constexpr int VALUES = 32, BYTES = 22;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0);
        for (int i = 0; i < 8; ++i) {
            int code = nibble(block + 6, at + i) | fifth_bit(block + 2, at + i) << 4;
            values[i] = static_cast<float>(code - 16) * scale;
        }
    }
};

struct Q5_1 {
    static constexpr int VALUES = 32, BYTES = 24;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0), minimum = scale_at(block, 2);
        for (int i = 0; i < 8; ++i) {
            int code = nibble(block + 8, at + i) | fifth_bit(block + 4, at + i) << 4;
            values[i] = static_cast<float>(code) * scale + minimum;
        }
    }
};

struct Q5K {
    static constexpr int VALUES = 256, BYTES = 176;
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        int group = at / 32;
        float scale, minimum;
        scales_of_group(block, group, scale, minimum);
        const unsigned char *high = block + 16 + at % 32;
        const unsigned char *codes = block + 48 + group / 2 * 32 + at % 32;
        for (int i = 0; i < 8; ++i) {
            int code = (codes[i] >> (4 * (group % 2)) & 0xf) | (high[i] >> group & 1) << 4;
            values[i] = scale * static_cast<float>(code) - minimum;
        }
    }
};

struct Iq4Nl {
    static constexpr int VALUES = 32, BYTES = 18;
    // ggml-common.h, `kvalues_iq4nl`.
    DEVICE float value_of(int code) {
        const signed char values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};
        return static_cast<float>(values[code]);
    }
    DEVICE void widen(const unsigned char *block, int at, float (&values)[8]) {
        float scale = scale_at(block, 0);
        for (int i = 0; i < 8; ++i) values[i] = value_of(nibble(block + 2, at + i)) * scale;
    }
};

WIDEN_BLOCKS(widen_q4_0, Q4_0)
WIDEN_BLOCKS(widen_q4_1, Q4_1)
WIDEN_BLOCKS(widen_q5_0, Q5_0)
WIDEN_BLOCKS(widen_q5_1, Q5_1)
WIDEN_BLOCKS(widen_q5_k, Q5K)
WIDEN_BLOCKS(widen_iq4_nl, Iq4Nl)
