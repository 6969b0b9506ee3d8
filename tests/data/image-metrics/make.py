"""Writes values.json: image metrics as scikit-image and SciPy compute them.

Run with scikit-image 0.26 and SciPy. The two pictures are made by integer arithmetic that the
test repeats, so no picture has to be stored.
"""
import json
import pathlib

import numpy as np
from scipy.ndimage import laplace
from skimage.color import rgb2gray, rgb2hsv
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

WIDTH, HEIGHT = 40, 28
y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
first = np.clip((x * (5 + c) + y * (9 - 2 * c) + x * y // 8 * c) % 330 - 30, 0, 255)
second = np.clip(first + (x * 31 + y * 17 + c * 13 + x * y) % 47 - 23, 0, 255)
first, second = first.astype(np.uint8), second.astype(np.uint8)


def of_one(image):
    r, g, b = np.moveaxis(image.astype(np.float64), 2, 0)
    rg, yb = r - g, (r + g) / 2 - b
    spread = np.sqrt(rg.var() + yb.var())
    centre = np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    return {
        "clip_fraction": float(np.mean((image == 0) | (image == 255))),
        "saturation": float(rgb2hsv(image)[..., 1].mean()),
        "contrast": float(rgb2gray(image).std()),
        "sharpness": float(laplace(rgb2gray(image))[1:-1, 1:-1].var()),
        "colourfulness": float(spread + 0.3 * centre),
    }


values = {
    "width": WIDTH,
    "height": HEIGHT,
    "psnr": float(peak_signal_noise_ratio(first, second, data_range=255)),
    "ssim": float(
        structural_similarity(
            first, second, data_range=255, channel_axis=2,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    ),
    "first": of_one(first),
    "second": of_one(second),
}
path = pathlib.Path(__file__).with_name("values.json")
path.write_text(json.dumps(values, indent=2) + "\n")
