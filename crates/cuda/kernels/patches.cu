// The patches of some rows of an image that a convolution multiplies: gathered from the image as it
// is, normalised with SiLU and doubled on the way. Places are counted in 64 bits: a whole image of
// 2048² has more patch values than 32 bits can count.
#include "dialect.cuh"

// x: [channels, height, width]. affine: [2, channels], factors and terms, or null. out: [channels ·
// side · side, pixels], the patches of the pixels from `first` on of an image of the same size, or
// of twice the height and width where `doubled`. Grid: pixels × (channels · side · side).
KERNEL gather_patches(const float *x, const float *affine, float *out, int channels, int height,
                      int width, int side, int doubled, long long first, long long pixels) {
    long long pixel = thread_of_launch();
    if (pixel >= pixels) return;
    int line = blockIdx.y, channel = line / (side * side), place = line % (side * side);
    int times = doubled != 0 ? 2 : 1;
    long long across = static_cast<long long>(width) * times;
    long long down = static_cast<long long>(height) * times;
    long long row = (first + pixel) / across + place / side - side / 2;
    long long column = (first + pixel) % across + place % side - side / 2;
    float value = 0.0f;
    if (row >= 0 && row < down && column >= 0 && column < across) {
        value = x[(static_cast<long long>(channel) * height + row / times) * width +
                  column / times];
        if (affine != nullptr) {
            value = value * affine[channel] + affine[channels + channel];
            value = value / (1.0f + exponential(-value));
        }
    }
    out[static_cast<long long>(line) * pixels + pixel] = value;
}
