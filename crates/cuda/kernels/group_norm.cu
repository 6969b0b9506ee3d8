// What normalising an image over groups of channels does to each channel: a factor and a term.
// Three launches: means, mean squares of what differs from them, and both folded with gain and
// bias. Every sum has one order. The image itself is not written; see patches.cu.
#include "dialect.cuh"

// Values that one block sums up.
constexpr long long SHARE = 1 << 16;

// The sums of shares of a group's values, or of their squared differences from the group's mean
// where `means` is not null. x: [groups, values]; sums: [groups, shares]. Grid: shares × groups.
KERNEL group_sums(const float *x, const float *means, double *sums, long long values) {
    SHARED(float, lanes, 32);
    int group = blockIdx.y;
    const float *from = x + group * values;
    float mean = means == nullptr ? 0.0f : means[group];
    long long first = blockIdx.x * SHARE;
    long long end = first + SHARE < values ? first + SHARE : values;
    float sum = 0.0f;
    for (long long i = first + threadIdx.x; i < end; i += blockDim.x) {
        float value = from[i] - mean;
        sum += means == nullptr ? value : value * value;
    }
    sum = sum_of_block(sum, lanes);
    if (threadIdx.x == 0) {
        sums[static_cast<long long>(group) * gridDim.x + blockIdx.x] = static_cast<double>(sum);
    }
}

// The means of groups from the sums of their shares.
KERNEL group_means(const double *sums, float *means, int groups, int shares, long long values) {
    int group = static_cast<int>(thread_of_launch());
    if (group >= groups) return;
    double sum = 0.0;
    for (int i = 0; i < shares; ++i) sum += sums[static_cast<long long>(group) * shares + i];
    means[group] = static_cast<float>(sum / static_cast<double>(values));
}

// affine: [2, channels], factors and terms, from the means and the shares' sums of squares.
KERNEL group_affine(const double *squares, const float *means, const float *gain,
                    const float *bias, float *affine, int channels, int groups, int shares,
                    long long values, float eps) {
    int channel = static_cast<int>(thread_of_launch());
    if (channel >= channels) return;
    int group = channel / (channels / groups);
    double sum = 0.0;
    for (int i = 0; i < shares; ++i) sum += squares[static_cast<long long>(group) * shares + i];
    float variance = static_cast<float>(sum / static_cast<double>(values));
    float factor = gain[channel] * (1.0f / square_root(variance + eps));
    affine[channel] = factor;
    affine[channels + channel] = bias[channel] - means[group] * factor;
}
