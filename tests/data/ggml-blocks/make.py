"""Makes blocks.gguf: matrices in every block format that is read, written by the gguf package, and
what it widens them to.

    python make.py blocks.gguf

A matrix is named after its format; `<format>.expected` is the same in float32. Codes are random
bytes, so that every bit of a block counts; its scales are small ordinary numbers of both signs.
`Q8_0.rounded` is quantised from random numbers, as a converter does it, and `Q8_0.original` is
what it was.
"""

import sys

import numpy as np
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

# Where the scales (f16) of a block are.
FORMATS = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ4_NL": [0],
}
ROWS, COLUMNS = 3, 512


def random_blocks(random: np.random.Generator, kind: GGMLQuantizationType, at: list[int]):
    values, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS * COLUMNS // values, size), dtype=np.uint8)
    for start in at:
        scales = random.uniform(-0.02, 0.03, (len(blocks), 1)).astype(np.float16)
        blocks[:, start : start + 2] = scales.view(np.uint8)
    return blocks.reshape(ROWS, -1)


def main(path: str) -> None:
    random = np.random.default_rng(41)
    # An alignment other than the usual, and values of several kinds, lists among them.
    writer = GGUFWriter(path, "blocks")
    writer.add_custom_alignment(64)
    writer.add_string("general.name", "every block format")
    writer.add_array("words", ["one", "two", "three"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_bool("flag", True)
    for name, at in FORMATS.items():
        kind = GGMLQuantizationType[name]
        blocks = random_blocks(random, kind, at)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        expected = dequantize(blocks, kind)
        assert expected.shape == (ROWS, COLUMNS) and np.isfinite(expected).all()
        writer.add_tensor(f"{name}.expected", expected.astype(np.float32))
    original = random.normal(0.0, 0.05, (ROWS, COLUMNS)).astype(np.float32)
    kind = GGMLQuantizationType.Q8_0
    rounded = quantize(original, kind)
    writer.add_tensor("Q8_0.rounded", rounded, raw_dtype=kind)
    writer.add_tensor("Q8_0.rounded.expected", dequantize(rounded, kind).astype(np.float32))
    writer.add_tensor("Q8_0.original", original)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
