// e4m3 codes to their exact values. The scale of a row is not part of them.
#include "dialect.cuh"

// Sign and the seven bits in their places make the value times 2^-120; also where it is smaller
// than the smallest normal f32, because products with numbers that small are exact here.
DEVICE float value_of_e4m3(uint32_t code) {
    uint32_t magnitude = code & 0x7f, sign = (code & 0x80) << 24;
    if (magnitude == 0x7f) return float_of_bits(sign | 0x7fc00000u);
    return float_of_bits(sign | magnitude << 20) * float_of_bits(0x7b800000u);
}

template <class T> DEVICE void widen_fp8(const unsigned char *codes, T *out, long long count) {
    long long first = 8 * thread_of_launch();
    if (first >= count) return;
    int here = count - first < 8 ? static_cast<int>(count - first) : 8;
    uint64_t eight = load8(codes + first, here);
    float values[8];
    for (int i = 0; i < 8; ++i) {
        values[i] = value_of_e4m3(static_cast<uint32_t>(eight >> (8 * i)) & 0xff);
    }
    store8(out + first, values, here);
}

KERNEL widen_fp8_bf16(const unsigned char *codes, bf16 *out, long long count) {
    widen_fp8<bf16>(codes, out, count);
}

KERNEL widen_fp8_f32(const unsigned char *codes, float *out, long long count) {
    widen_fp8<float>(codes, out, count);
}
