"""Times what `sigmalab-bench` times with PyTorch on the processor (diffusers' transformer and
decoder, transformers' text encoder) and prints the ratios, measured by turns.

    pip install torch diffusers transformers
    cargo build --release -p sigmalab-bench
    python crates/bench/peers/pytorch.py target/release/sigmalab-bench slice --size 256

Every run is a process of its own. A ratio compares the time that threads had a processor, so that
other programs on the machine count as little as can be; the time by the clock and the most memory
stand beside it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

OURS = {
    "slice": ["f32", "bf16", "fp8", "nf4", "int8", "int8-all"],
    "text-encoder": ["f32", "bf16", "fp8", "nf4"],
    "decoder": ["f32", "bf16"],
}


def transformer_blocks(arguments, dtype):
    """Two blocks of the real width; what comes before and after is small."""
    import torch
    from diffusers import Ideogram4Transformer2DModel

    model = Ideogram4Transformer2DModel(num_layers=2, llm_features_dim=64).to(dtype).eval()
    tokens = (arguments.size // 16) ** 2 + arguments.text_tokens
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


def text_layers(arguments, dtype):
    """Two layers of Qwen3-VL-8B's text side."""
    import torch
    from transformers import Qwen3VLTextConfig, Qwen3VLTextModel

    config = Qwen3VLTextConfig(
        vocab_size=512,
        hidden_size=4096,
        intermediate_size=12288,
        num_hidden_layers=2,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
    )
    model = Qwen3VLTextModel(config).to(dtype).eval()
    ids = torch.arange(arguments.text_tokens).remainder(512)[None]
    return lambda: model(input_ids=ids, use_cache=False)


def decoder(arguments, dtype):
    import torch
    from diffusers import AutoencoderKLFlux2

    model = AutoencoderKLFlux2().to(dtype).eval()
    latents = torch.randn(1, 32, arguments.size // 8, arguments.size // 8, dtype=dtype)
    return lambda: model.decode(latents)


def peer(arguments):
    """The child: one subject in one dtype, as JSON."""
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    build = {"slice": transformer_blocks, "text-encoder": text_layers, "decoder": decoder}
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[arguments.peer]
    with torch.inference_mode():
        run = build[arguments.subject](arguments, dtype)
        if not arguments.cold:
            run()
        best = None
        for _ in range(1 if arguments.cold else 3):
            clock, processor = time.perf_counter(), time.process_time()
            run()
            took = time.process_time() - processor, time.perf_counter() - clock
            best = took if best is None else min(best, took)
    # In KiB.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"processor": best[0], "clock": best[1], "memory": memory}))


def theirs(arguments, dtype):
    command = [sys.executable, __file__, *sys.argv[1:], "--peer", dtype]
    command += ["--threads", str(arguments.threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def ours(arguments, dtype):
    command = [arguments.binary, arguments.subject, "--dtype", dtype, "--json"]
    command += ["--threads", str(arguments.threads)]
    if arguments.subject != "text-encoder":
        command += ["--size", str(arguments.size)]
    if arguments.subject != "decoder":
        command += ["--text-tokens", str(arguments.text_tokens)]
    if arguments.cold:
        command.append("--cold")
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    best = report["best"]
    return {
        "processor": best["processor_seconds"],
        "clock": best["seconds"],
        "memory": report["peak_memory_bytes"],
        "share": best["share_of_float_peak"],
    }


def least(runs, key):
    return min(run[key] for run in runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("subject", choices=OURS)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--text-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtypes", help="ours, with commas between them")
    parser.add_argument("--peers", default="f32,bf16", help="PyTorch's")
    parser.add_argument("--cold", action="store_true", help="one run a process, the first")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments)
    mine = {name: [] for name in OURS[arguments.subject]}
    if arguments.dtypes:
        mine = {name: [] for name in arguments.dtypes.split(",")}
    peers = {name: [] for name in arguments.peers.split(",")}
    for number in range(arguments.rounds):
        # Who comes first changes, so that what drifts counts for both.
        turns = [(ours, mine, name) for name in mine] + [(theirs, peers, name) for name in peers]
        for who, runs, name in turns if number % 2 == 0 else reversed(turns):
            runs[name].append(who(arguments, name))
            print(who.__name__, name, runs[name][-1], file=sys.stderr, flush=True)
    for name, runs in mine.items():
        memory, share = least(runs, "memory") / 1e9, max(run["share"] for run in runs)
        print(f"{name}: {100 * share:.0f} % of the peak, {memory:.2f} GB")
        for other, others in peers.items():
            ratio, clock = (least(others, key) / least(runs, key) for key in ("processor", "clock"))
            memory = least(others, "memory") / 1e9
            print(
                f"  {ratio:.2f} times PyTorch {other} ({clock:.2f} by the clock),"
                f" which has {memory:.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
