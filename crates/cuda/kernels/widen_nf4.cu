// bitsandbytes' 4-bit codes: map[code] · absmax of the block, rounded to f32 once. Blocks run over
// the matrix as one long row; the first code of a byte is in its high half.
#include "dialect.cuh"

// The scales of the blocks: plain, or codes with scales of their own where `codes` is not null.
struct BlockScales {
    const float *absmax;
    const unsigned char *codes;
    const float *map;
    float offset;
    int nested_shift;
};

DEVICE float scale_of_block(const BlockScales &scales, long long block) {
    if (scales.codes == nullptr) return scales.absmax[block];
    float shared = scales.absmax[block >> scales.nested_shift];
    return scales.map[scales.codes[block]] * shared + scales.offset;
}

// The elements from `start` on, counted over the whole matrix. A block has 1 << shift of them.
template <class T>
DEVICE void widen_nf4(const unsigned char *codes, const float *map, BlockScales scales, int shift,
                      long long start, long long count, T *out) {
    SHARED(float, values_of_codes, 16);
    if (threadIdx.x < 16) values_of_codes[threadIdx.x] = map[threadIdx.x];
    meet();
    long long first = 8 * thread_of_launch();
    if (first >= count) return;
    int here = count - first < 8 ? static_cast<int>(count - first) : 8;
    float values[8];
    long long known = -1;
    float scale = 0.0f;
    for (int i = 0; i < 8; ++i) {
        values[i] = 0.0f;
        if (i >= here) continue;
        long long element = start + first + i;
        if (element >> shift != known) {
            known = element >> shift;
            scale = scale_of_block(scales, known);
        }
        unsigned byte = codes[element >> 1];
        unsigned code = element & 1 ? byte & 0xf : byte >> 4;
        values[i] = values_of_codes[code] * scale;
    }
    store8(out + first, values, here);
}

KERNEL widen_nf4_bf16(const unsigned char *codes, const float *map, const float *absmax,
                      const unsigned char *nested, const float *nested_map, float offset,
                      int nested_shift, int shift, long long start, long long count, bf16 *out) {
    BlockScales scales = {absmax, nested, nested_map, offset, nested_shift};
    widen_nf4<bf16>(codes, map, scales, shift, start, count, out);
}

KERNEL widen_nf4_f32(const unsigned char *codes, const float *map, const float *absmax,
                     const unsigned char *nested, const float *nested_map, float offset,
                     int nested_shift, int shift, long long start, long long count, float *out) {
    BlockScales scales = {absmax, nested, nested_map, offset, nested_shift};
    widen_nf4<float>(codes, map, scales, shift, start, count, out);
}
