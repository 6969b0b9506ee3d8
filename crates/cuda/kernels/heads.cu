// Queries, keys and values from one product: queries and keys are normalised head by head and turned
// by their position's angles, values only rounded. One warp a head of a token.
#include "dialect.cuh"

// Pairs of a head that a lane holds: heads have at most 256 values.
constexpr int PAIRS = 4;

struct Heads {
    // [tokens, stride], the queries' heads first, then the keys', then the values'.
    const float *product;
    // One for each column of the product, or null.
    const float *scale;
    // One for each token, or null.
    const float *row_scale;
    int stride, heads, kv_heads, head_dim;
    float eps;
};

// Grid: tokens × (heads + 2 · kv_heads).
template <class T>
DEVICE void split_heads(Heads in, const T *query_gain, const T *key_gain, const T *cosines,
                        const T *sines, T *query, T *key, T *value) {
    long long token = blockIdx.x;
    int head = blockIdx.y, lane = threadIdx.x, half = in.head_dim / 2;
    int column = head * in.head_dim;
    const float *from = in.product + token * in.stride + column;
    T *to;
    const T *gain = nullptr;
    if (head < in.heads) {
        to = query + (token * in.heads + head) * in.head_dim;
        gain = query_gain;
    } else if (head < in.heads + in.kv_heads) {
        to = key + (token * in.kv_heads + head - in.heads) * in.head_dim;
        gain = key_gain;
    } else {
        to = value + (token * in.kv_heads + head - in.heads - in.kv_heads) * in.head_dim;
    }
    float first[PAIRS], second[PAIRS], squares = 0.0f;
    for (int i = 0; i < PAIRS; ++i) {
        int at = lane + 32 * i;
        first[i] = second[i] = 0.0f;
        if (at >= half) continue;
        first[i] = from[at];
        second[i] = from[half + at];
        if (in.row_scale != nullptr) {
            first[i] *= in.row_scale[token];
            second[i] *= in.row_scale[token];
        }
        if (in.scale != nullptr) {
            first[i] *= in.scale[column + at];
            second[i] *= in.scale[column + half + at];
        }
        squares += first[i] * first[i] + second[i] * second[i];
    }
    for (int mask = 16; mask > 0; mask /= 2) squares += from_lane(squares, mask);
    float factor = 1.0f / square_root(squares / static_cast<float>(in.head_dim) + in.eps);
    for (int i = 0; i < PAIRS; ++i) {
        int at = lane + 32 * i;
        if (at >= half) continue;
        float a = first[i], b = second[i];
        if (gain != nullptr) {
            a = a * factor * widen(gain[at]);
            b = b * factor * widen(gain[half + at]);
            float cosine = widen(cosines[token * half + at]);
            float sine = widen(sines[token * half + at]);
            float turned = a * cosine - b * sine;
            b = b * cosine + a * sine;
            a = turned;
        }
        put(to + at, a);
        put(to + half + at, b);
    }
}

KERNEL split_heads_bf16(const float *product, const float *scale, const float *row_scale,
                        int stride, int heads, int kv_heads, int head_dim, float eps, const bf16 *query_gain,
                        const bf16 *key_gain, const bf16 *cosines, const bf16 *sines, bf16 *query,
                        bf16 *key, bf16 *value) {
    Heads in = {product, scale, row_scale, stride, heads, kv_heads, head_dim, eps};
    split_heads<bf16>(in, query_gain, key_gain, cosines, sines, query, key, value);
}

KERNEL split_heads_f32(const float *product, const float *scale, const float *row_scale,
                       int stride, int heads, int kv_heads, int head_dim, float eps, const float *query_gain,
                       const float *key_gain, const float *cosines, const float *sines,
                       float *query, float *key, float *value) {
    Heads in = {product, scale, row_scale, stride, heads, kv_heads, head_dim, eps};
    split_heads<float>(in, query_gain, key_gain, cosines, sines, query, key, value);
}
