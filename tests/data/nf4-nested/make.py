"""Makes nf4.safetensors: small matrices quantised by bitsandbytes on the CPU, with one and with
two levels of scales, and what bitsandbytes unpacks them to.

    python make.py nf4.safetensors

The modules are named after the case; `<module>.weight…` is stored as bitsandbytes stores it in a
checkpoint, `<module>.expected` is the unpacked matrix in float32.
"""

import sys

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from safetensors.torch import save_file

# (name, shape, block size, nested). 300 blocks of 64 need two nested scales; [12, 50] has rows
# that end inside a block and blocks that span rows, and its last block is not full.
# (On the CPU bitsandbytes 0.50.2 unpacks a matrix with wrong scales where its rows are longer than
# a block and no multiple of it, 128 in rows of 192 for one; the check below keeps such a case out.)
CASES = [
    ("plain", (24, 64), 64, False),
    ("nested", (150, 128), 64, True),
    ("nested_ragged", (12, 50), 64, True),
    ("plain_128", (10, 256), 128, False),
]


def main(path: str) -> None:
    generator = torch.Generator().manual_seed(20)
    tensors = {}
    for name, shape, blocksize, nested in CASES:
        weight = torch.randn(shape, generator=generator) * 0.05
        # Rows of different size, so that a scale taken from the wrong block shows.
        weight *= torch.linspace(0.2, 3.0, shape[0]).unsqueeze(1)
        packed, state = quantize_4bit(
            weight, blocksize=blocksize, quant_type="nf4", compress_statistics=nested
        )
        expected = dequantize_4bit(packed, state).to(torch.float32)
        # Half of the widest gap between two codes, of the largest value, and what nesting adds.
        assert (expected - weight).abs().max() <= 0.18 * weight.abs().max(), name
        tensors[f"{name}.weight"] = packed
        for key, value in state.as_dict(packed=True).items():
            tensors[f"{name}.weight.{key}"] = value
        tensors[f"{name}.expected"] = expected
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)


main(sys.argv[1])
