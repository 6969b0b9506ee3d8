// The scales of Q4_K and Q5_K.
#pragma once
#include "blocks.cuh"

// Scale and minimum of each of 8 groups, 6 bits each: the first four in the low bits of bytes 0…4
// and 4…8; the others' low bits in bytes 8…12, their two high bits above the first ones'.
DEVICE void six_bits(const unsigned char *packed, int group, float &scale, float &minimum) {
    if (group < 4) {
        scale = static_cast<float>(packed[group] & 63);
        minimum = static_cast<float>(packed[group + 4] & 63);
    } else {
        int low = packed[group + 4];
        scale = static_cast<float>((low & 0xf) | packed[group - 4] >> 6 << 4);
        minimum = static_cast<float>(low >> 4 | packed[group] >> 6 << 4);
    }
}

// What the codes of a group are multiplied by and what is taken from them: the block's own two
// scales, of which each group has its share.
DEVICE void scales_of_group(const unsigned char *block, int group, float &scale, float &minimum) {
    six_bits(block + 4, group, scale, minimum);
    scale = scale_at(block, 0) * scale;
    minimum = scale_at(block, 2) * minimum;
}
