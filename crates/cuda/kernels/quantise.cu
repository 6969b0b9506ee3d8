// Rows of activations rounded to e4m3, each by a scale of its own that makes its largest magnitude 448, the
// largest value there is. One block a row; a norm may come before.
#include "dialect.cuh"

#include <string.h>

DEVICE uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

DEVICE float magnitude(float value) { return float_of_bits(bits_of_float(value) & 0x7fffffffu); }

// The code next to a value, of two the even one; the largest value for all beyond it.
DEVICE unsigned char e4m3_of(float value) {
    uint32_t bits = bits_of_float(value) & 0x7fffffffu;
    uint32_t sign = bits_of_float(value) >> 24 & 0x80;
    uint32_t code;
    if (bits > 0x7f800000u) {
        code = 0x7f;
    } else if (bits >= 0x43e00000u) {
        code = 0x7e;
    } else if (bits < 0x3c800000u) {
        // Below the smallest normal one codes count steps of 1 / 512, as numbers near 16384 do.
        code = bits_of_float(float_of_bits(bits) + 16384.0f) - bits_of_float(16384.0f);
    } else {
        // The seven bits that stay, of an exponent that is 120 less.
        code = ((bits + 0x7ffffu + (bits >> 20 & 1)) >> 20) - (120u << 3);
    }
    return static_cast<unsigned char>(sign | code);
}

// What the values of a row are divided by. Not less than the smallest normal number, so that rows of
// zeros, and of numbers as small as that, need no case of their own.
DEVICE float scale_of_row(float largest) {
    return larger(largest / 448.0f, float_of_bits(0x00800000u));
}

// A value as it would be stored.
template <class T> DEVICE float rounded(float value) {
    T stored;
    put(&stored, value);
    return widen(stored);
}

// The row that `value` gives, column by column, as codes at `to` and the scale at `scale`.
template <class F>
DEVICE void quantise_row(F value, unsigned char *to, float *scale, int width, float *lanes) {
    float largest = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        largest = larger(largest, magnitude(value(i)));
    }
    largest = largest_of_block(largest, lanes);
    float by = scale_of_row(largest);
    if (threadIdx.x == 0) *scale = by;
    for (int i = threadIdx.x; i < width; i += blockDim.x) to[i] = e4m3_of(value(i) / by);
}

template <class T>
DEVICE void quantise(const T *x, unsigned char *codes, float *scales, int width) {
    SHARED(float, lanes, 32);
    const T *row = x + static_cast<long long>(blockIdx.x) * width;
    unsigned char *to = codes + static_cast<long long>(blockIdx.x) * width;
    quantise_row([&](int i) { return widen(row[i]); }, to, scales + blockIdx.x, width, lanes);
}

// The same of x / √(mean(x²) + eps) · gain, rounded as rms_norm rounds it.
template <class T>
DEVICE void rms_norm_e4m3(const T *x, const T *gain, unsigned char *codes, float *scales, int width,
                          float eps) {
    SHARED(float, lanes, 32);
    const T *row = x + static_cast<long long>(blockIdx.x) * width;
    unsigned char *to = codes + static_cast<long long>(blockIdx.x) * width;
    float squares = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float value = widen(row[i]);
        squares += value * value;
    }
    squares = sum_of_block(squares, lanes);
    float factor = 1.0f / square_root(squares / static_cast<float>(width) + eps);
    quantise_row([&](int i) { return rounded<T>(widen(row[i]) * factor * widen(gain[i])); }, to,
                 scales + blockIdx.x, width, lanes);
}

KERNEL quantise_bf16(const bf16 *x, unsigned char *codes, float *scales, int width) {
    quantise<bf16>(x, codes, scales, width);
}

KERNEL quantise_f32(const float *x, unsigned char *codes, float *scales, int width) {
    quantise<float>(x, codes, scales, width);
}

KERNEL rms_norm_e4m3_bf16(const bf16 *x, const bf16 *gain, unsigned char *codes, float *scales,
                          int width, float eps) {
    rms_norm_e4m3<bf16>(x, gain, codes, scales, width, eps);
}

KERNEL rms_norm_e4m3_f32(const float *x, const float *gain, unsigned char *codes, float *scales,
                         int width, float eps) {
    rms_norm_e4m3<float>(x, gain, codes, scales, width, eps);
}
