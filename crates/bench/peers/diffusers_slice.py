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


def processor_seconds(run):
    start = time.process_time()
    run()
    return time.process_time() - start


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


def decoder(size, dtype):
    torch.manual_seed(0)
    model = AutoencoderKLFlux2().to(dtype).eval()
    latents = torch.randn(1, 32, size // 8, size // 8, dtype=dtype)
    return lambda: model.decode(latents)


def ours(binary, arguments):
    output = subprocess.run([binary, "--json", *arguments], check=True, capture_output=True)
    return json.loads(output.stdout)["best"]["processor_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--text-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--decoder", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    size = ["--size", str(arguments.size)]
    dtypes = {"f32": torch.float32, "bf16": torch.bfloat16}
    if arguments.decoder:
        peers = {name: decoder(arguments.size, dtype) for name, dtype in dtypes.items()}
        mine = {name: ["decoder", *size, "--dtype", name] for name in dtypes}
    else:
        text = arguments.text_tokens
        peers = {
            name: transformer_blocks(arguments.size, text, dtype) for name, dtype in dtypes.items()
        }
        slice_of = ["slice", *size, "--text-tokens", str(text), "--dtype"]
        mine = {name: [*slice_of, name] for name in ("f32", "bf16", "fp8", "nf4", "int8")}
    settings = ["--threads", str(torch.get_num_threads()), "--runs", "1"]
    with torch.inference_mode():
        for run in peers.values():
            run()
        theirs = dict.fromkeys(peers, float("inf"))
        best = dict.fromkeys(mine, float("inf"))
        for _ in range(arguments.rounds):
            for name, what in mine.items():
                for peer, run in peers.items():
                    theirs[peer] = min(theirs[peer], processor_seconds(run))
                best[name] = min(best[name], ours(arguments.binary, [*settings, *what]))
    for name, seconds in best.items():
        ratios = [f"{theirs[peer] / seconds:.2f} times PyTorch {peer}" for peer in theirs]
        print(f"{name}: {', '.join(ratios)}", flush=True)


if __name__ == "__main__":
    main()
