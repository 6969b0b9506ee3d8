// softmax(q·kᵀ · scale)·v without stored scores, in bf16 with sums in f32. Heads of at most HEAD
// values are filled up with zeros, so that small models run what large ones run.
//
// Each warp has 16 queries, whose running maximum, sum and result stay in registers; keys and values
// come TILE at a time through shared memory. While a tile's scores are computed its values are on
// their way, and while its values are added the next tile's keys are.
#include "dialect.cuh"

constexpr int TILE = 64;

struct Attention {
    const bf16 *query, *key, *value;
    bf16 *out;
    // Queries, and keys.
    int length, keys;
    int heads, kv_heads, head_dim;
    // The scores' scale times log2(e).
    float scale;
    int causal;
};

// Where 16 bytes of a row stand: neighbours in a column are in different banks.
template <int HEAD> DEVICE int place(int row, int chunk) {
    return row * HEAD + (chunk ^ (row & 7)) * 8;
}

// Begins to copy the rows from `first` on of a matrix with `rows` rows of `dim` values; what is not
// there becomes 0. Rows of the matrix are `stride` values apart.
template <int HEAD, int COUNT>
DEVICE void fetch(bf16 *shared, const bf16 *matrix, int first, int rows, int dim,
                  long long stride) {
    constexpr int CHUNKS = HEAD / 8;
    for (int i = threadIdx.x; i < COUNT * CHUNKS; i += blockDim.x) {
        int row = i / CHUNKS, chunk = i % CHUNKS;
        bool present = first + row < rows && chunk * 8 < dim;
        const bf16 *from = present ? matrix + (first + row) * stride + chunk * 8 : matrix;
        begin_copy(shared + place<HEAD>(row, chunk), from, present);
    }
}

template <int HEAD, int WARPS> DEVICE void attention(const Attention &a) {
    constexpr int ROWS = 16 * WARPS, STEPS = HEAD / 16, PARTS = TILE / 8;
    DYNAMIC_SHARED(memory);
    bf16 *queries = reinterpret_cast<bf16 *>(memory);
    bf16 *keys = queries + ROWS * HEAD;
    bf16 *values = keys + TILE * HEAD;

    int head = blockIdx.y, kv_head = head / (a.heads / a.kv_heads);
    int first_row = blockIdx.x * ROWS;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    long long q_stride = static_cast<long long>(a.heads) * a.head_dim;
    long long kv_stride = static_cast<long long>(a.kv_heads) * a.head_dim;
    const bf16 *query = a.query + static_cast<long long>(head) * a.head_dim;
    const bf16 *key = a.key + static_cast<long long>(kv_head) * a.head_dim;
    const bf16 *value = a.value + static_cast<long long>(kv_head) * a.head_dim;

    // Of causal attention, tiles behind the last query's place are left out.
    int seen = a.keys;
    if (a.causal != 0 && first_row + ROWS < seen) seen = first_row + ROWS;
    int tiles = (seen + TILE - 1) / TILE;

    fetch<HEAD, ROWS>(queries, query, first_row, a.length, a.head_dim, q_stride);
    fetch<HEAD, TILE>(keys, key, 0, a.keys, a.head_dim, kv_stride);
    close_copies();

    float out[HEAD / 8][4];
#pragma unroll
    for (int i = 0; i < HEAD / 8; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) out[i][j] = 0.0f;
    }
    // Of row lane / 4 of the warp's, and of the one 8 below it. This lane has every fourth pair of
    // columns.
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0.0f, 0.0f};

    for (int tile = 0; tile < tiles; ++tile) {
        fetch<HEAD, TILE>(values, value, tile * TILE, a.keys, a.head_dim, kv_stride);
        close_copies();
        await_copies<1>();
        meet();

        float scores[PARTS][4];
#pragma unroll
        for (int i = 0; i < PARTS; ++i) {
#pragma unroll
            for (int j = 0; j < 4; ++j) scores[i][j] = 0.0f;
        }
#pragma unroll
        for (int step = 0; step < STEPS; ++step) {
            uint32_t left[4];
            int row = warp * 16 + lane % 16;
            load_matrices(left, queries + place<HEAD>(row, step * 2 + lane / 16));
#pragma unroll
            for (int part = 0; part < PARTS; part += 2) {
                uint32_t right[4];
                int from = part * 8 + lane / 16 * 8 + lane % 8;
                load_matrices(right, keys + place<HEAD>(from, step * 2 + lane / 8 % 2));
                multiply_tile(scores[part], left, right[0], right[1]);
                multiply_tile(scores[part + 1], left, right[2], right[3]);
            }
        }
        meet();
        if (tile + 1 < tiles) {
            fetch<HEAD, TILE>(keys, key, (tile + 1) * TILE, a.keys, a.head_dim, kv_stride);
        }
        close_copies();

        // Every query sees key 0, so that no row is without a number after the first tile.
        float top[2] = {most[0], most[1]};
#pragma unroll
        for (int part = 0; part < PARTS; ++part) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                int column = tile * TILE + part * 8 + lane % 4 * 2 + j % 2;
                int row = first_row + warp * 16 + lane / 4 + j / 2 * 8;
                bool sees = column < a.keys && (a.causal == 0 || column <= row);
                scores[part][j] = sees ? scores[part][j] * a.scale : -INFINITY;
                top[j / 2] = larger(top[j / 2], scores[part][j]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            top[half] = larger(top[half], from_lane(top[half], 1));
            top[half] = larger(top[half], from_lane(top[half], 2));
            float shrink = power_of_two(most[half] - top[half]);
            most[half] = top[half];
            sum[half] *= shrink;
#pragma unroll
            for (int i = 0; i < HEAD / 8; ++i) {
                out[i][2 * half] *= shrink;
                out[i][2 * half + 1] *= shrink;
            }
        }
#pragma unroll
        for (int part = 0; part < PARTS; ++part) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                scores[part][j] = power_of_two(scores[part][j] - most[j / 2]);
                sum[j / 2] += scores[part][j];
            }
        }

        await_copies<1>();
        meet();
#pragma unroll
        for (int step = 0; step < TILE / 16; ++step) {
            uint32_t left[4] = {pair(scores[2 * step][0], scores[2 * step][1]),
                                pair(scores[2 * step][2], scores[2 * step][3]),
                                pair(scores[2 * step + 1][0], scores[2 * step + 1][1]),
                                pair(scores[2 * step + 1][2], scores[2 * step + 1][3])};
#pragma unroll
            for (int i = 0; i < HEAD / 8; i += 2) {
                uint32_t right[4];
                int row = step * 16 + lane % 16;
                load_matrices_transposed(right, values + place<HEAD>(row, i + lane / 16));
                multiply_tile(out[i], left, right[0], right[1]);
                multiply_tile(out[i + 1], left, right[2], right[3]);
            }
        }
        meet();
    }
    await_copies<0>();

#pragma unroll
    for (int half = 0; half < 2; ++half) {
        sum[half] += from_lane(sum[half], 1);
        sum[half] += from_lane(sum[half], 2);
        int row = first_row + warp * 16 + lane / 4 + half * 8;
        if (row >= a.length) continue;
        bf16 *to = a.out + row * q_stride + static_cast<long long>(head) * a.head_dim;
        float factor = 1.0f / sum[half];
#pragma unroll
        for (int i = 0; i < HEAD / 8; ++i) {
            int column = i * 8 + lane % 4 * 2;
            // A head has an even number of values.
            if (column < a.head_dim) {
                uint32_t two =
                    pair(out[i][2 * half] * factor, out[i][2 * half + 1] * factor);
                *reinterpret_cast<uint32_t *>(to + column) = two;
            }
        }
    }
}

// Grid: ⌈length / (16 · WARPS)⌉ × heads.
#define ATTENTION(HEAD, WARPS)                                                                     \
    KERNEL attention_##HEAD##_##WARPS(const bf16 *query, const bf16 *key, const bf16 *value,       \
                                      bf16 *out, int length, int keys, int heads, int kv_heads,    \
                                      int head_dim, float scale, int causal) {                     \
        Attention a = {query, key, value, out, length, keys,                                       \
                       heads, kv_heads, head_dim, scale, causal};                                  \
        attention<HEAD, WARPS>(a);                                                                 \
    }

ATTENTION(64, 4)
ATTENTION(128, 4)
ATTENTION(256, 4)
ATTENTION(256, 8)
