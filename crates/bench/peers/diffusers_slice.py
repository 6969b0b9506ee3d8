"""Times the slices of `sigmalab-bench` with diffusers and PyTorch on the processor, and, given the
bench's binary, prints the ratio of both, measured by turns.

    pip install torch diffusers transformers
    cargo build --release -p sigmalab-bench
    python crates/bench/peers/diffusers_slice.py target/release/sigmalab-bench --size 256

Both are compared by the time their threads had a processor, so that other programs on the machine
count as little as can be.
"""

import argparse
import json
import subprocess
import time

import torch
from diffusers import AutoencoderKLFlux2, Ideogram4Transformer2DModel


def processor_seconds(run, runs):
    """The fastest of `runs`, after one to warm up."""
    run()
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def transformer_blocks(size, text_tokens, dtype):
    """Two blocks of the real width; what comes before and after is small."""
    torch.manual_seed(0)
    model = Ideogram4Transformer2DModel(num_layers=2, llm_features_dim=64).to(dtype).eval()
    tokens = (size // 16) ** 2 + text_tokens
    hidden = torch.randn(1, tokens, model.hidden_size, dtype=dtype)
    adaln = torch.randn(1, 1, 512, dtype=dtype)
    cos, sin = model.rotary_emb(torch.zeros(1, tokens, 3, dtype=torch.long))
    rotary = (cos.to(dtype), sin.to(dtype))

    def run():
        x = hidden
        for block in model.layers:
            # One sample: no mask is needed, and without it PyTorch takes its fast path.
            x = block(x, None, rotary, adaln)

    return run


def decoder(size):
    torch.manual_seed(0)
    model = AutoencoderKLFlux2().eval()
    latents = torch.randn(1, 32, size // 8, size // 8)
    return lambda: model.decode(latents)


def ours(binary, arguments):
    output = subprocess.run([binary, "--json", *arguments], check=True, capture_output=True)
    return json.loads(output.stdout)["best"]["processor_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--text-tokens", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--decoder", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    threads = ["--threads", str(torch.get_num_threads()), "--runs", str(arguments.runs)]
    size = ["--size", str(arguments.size)]
    with torch.inference_mode():
        if arguments.decoder:
            peers = {"f32": processor_seconds(decoder(arguments.size), arguments.runs)}
            mine = {"f32": ours(arguments.binary, [*threads, "decoder", *size])}
        else:
            text = arguments.text_tokens
            peers, mine = {}, {}
            for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
                run = transformer_blocks(arguments.size, text, dtype)
                peers[name] = processor_seconds(run, arguments.runs)
            for name in ("f32", "bf16", "fp8", "nf4", "int8"):
                slice_of = ["slice", *size, "--text-tokens", str(text), "--dtype", name]
                mine[name] = ours(arguments.binary, [*threads, *slice_of])
    for name, seconds in mine.items():
        peer = "f32" if name == "f32" else "bf16"
        print(f"{name}: {peers[peer] / seconds:.2f} times PyTorch {peer}", flush=True)


if __name__ == "__main__":
    main()
