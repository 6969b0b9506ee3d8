"""Makes golden-reference-nf4-exact.safetensors: what diffusers computes in float32 with the weights
of reference-nf4/, dequantised as bitsandbytes defines it, w = code * absmax over blocks of 64 that
run across rows.

golden-reference-nf4.safetensors holds what bitsandbytes 0.50.2 makes of them on a CPU. Where the
length of a row is a multiple of 32 but not of 64 (32, 96, 160, 416 in the tiny checkpoint; nowhere
in the real one), that version's CPU kernel takes the scales of other blocks: it counts
row * (columns // 64) + column // 64. It also rounds to bfloat16. `--like-cpu` does the same, which
shows that this is all the two files differ in.

Needs torch, transformers, diffusers 0.42.1 or later, safetensors.
Usage: python make-nf4-golden.py [--like-cpu] OUTPUT.safetensors
"""

import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Ideogram4Pipeline
from diffusers import Ideogram4Transformer2DModel
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoTokenizer, Qwen3VLConfig, Qwen3VLModel

HERE = pathlib.Path(__file__).parent
LIKE_CPU = "--like-cpu" in sys.argv


def widen(file, name):
    key = next(k for k in file.keys() if k.startswith(name + ".quant_state"))
    state = json.loads(bytes(file.get_tensor(key).numpy()))
    rows, columns = state["shape"]
    block = state["blocksize"]
    packed = file.get_tensor(name).flatten().long()
    codes = torch.stack([packed >> 4, packed & 15], 1).flatten()[: rows * columns]
    values = file.get_tensor(name + ".quant_map")[codes].reshape(rows, columns)
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    if LIKE_CPU and columns % 32 == 0:
        index = row * (columns // block) + column // block
    else:
        index = (row * columns + column) // block
    weight = values * file.get_tensor(name + ".absmax")[index]
    return weight.bfloat16().float() if LIKE_CPU else weight


def state_dict(folder):
    (path,) = (HERE / "reference-nf4" / folder).glob("*.safetensors")
    weights = {}
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        for name in names:
            if ".weight." in name:
                continue
            tensor = widen(file, name) if name + ".absmax" in names else file.get_tensor(name)
            tensor = tensor if tensor.dtype == torch.int64 else tensor.float()
            if name.endswith("attention.qkv.weight"):
                for which, part in zip("qkv", tensor.chunk(3)):
                    weights[name.replace("qkv", f"to_{which}")] = part.contiguous()
            else:
                weights[name.replace("attention.o.", "attention.to_out.0.")] = tensor
    return weights


def build(kind, folder):
    model = kind.from_config(kind.load_config(HERE / "diffusers" / folder))
    model.load_state_dict(state_dict(folder))
    return model.float().eval()


def main():
    golden = safe_open(HERE / "golden-reference-nf4.safetensors", "pt")
    meta = golden.metadata()
    height, width = int(meta["height"]), int(meta["width"])
    config = json.loads((HERE / "diffusers/text_encoder/config.json").read_text())
    text_encoder = Qwen3VLModel(Qwen3VLConfig(**config))
    text_encoder.load_state_dict(state_dict("text_encoder"))
    pipeline = Ideogram4Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=build(AutoencoderKLFlux2, "vae"),
        text_encoder=text_encoder.float().eval(),
        tokenizer=AutoTokenizer.from_pretrained(HERE / "diffusers/tokenizer"),
        transformer=build(Ideogram4Transformer2DModel, "transformer"),
        unconditional_transformer=build(Ideogram4Transformer2DModel, "unconditional_transformer"),
    )
    noise, t = golden.get_tensor("noise"), golden.get_tensor("t_probe")
    trace = []

    def keep(_pipeline, _i, _t, kept):
        trace.append(kept["latents"].clone())
        return kept

    # Padding in front changes nothing but the time it takes.
    pad = 64
    tokens = golden.get_tensor("token_ids").numel()
    with torch.no_grad():
        features, position, segment, indicator = pipeline.encode_prompt(
            meta["prompt"], height // 16, width // 16, pad, torch.device("cpu")
        )
        padding = torch.zeros(1, pad, noise.shape[-1])
        shared = dict(timestep=t, return_dict=False)
        conditional = pipeline.transformer(
            hidden_states=torch.cat([padding, noise], 1),
            encoder_hidden_states=features,
            position_ids=position,
            segment_ids=segment,
            indicator=indicator,
            **shared,
        )[0][:, pad:]
        unconditional = pipeline.unconditional_transformer(
            hidden_states=noise,
            encoder_hidden_states=torch.zeros(1, noise.shape[1], features.shape[-1]),
            position_ids=position[:, pad:],
            segment_ids=segment[:, pad:],
            indicator=indicator[:, pad:],
            **shared,
        )[0]
        image = pipeline(
            meta["prompt"],
            height=height,
            width=width,
            num_inference_steps=int(meta["steps"]),
            guidance_schedule=json.loads(meta["guidance"]),
            mu=float(meta["mu"]),
            std=float(meta["std"]),
            max_sequence_length=pad,
            latents=noise,
            callback_on_step_end=keep,
            output_type="np",
        ).images[0]
    made = {
        "noise": noise,
        "token_ids": golden.get_tensor("token_ids"),
        "text_features": features[:, pad - tokens : pad],
        "t_probe": t,
        "v_cond": conditional,
        "v_uncond": unconditional,
        "sigmas": golden.get_tensor("sigmas"),
        "trace": torch.stack(trace),
        "latents": trace[-1],
        "image": torch.from_numpy((image * 255).round().astype("uint8")),
    }
    for name, tensor in made.items():
        other = golden.get_tensor(name).double()
        print(name, "differs by", ((tensor.double() - other).norm() / other.norm()).item())
    save_file({k: v.contiguous() for k, v in made.items()}, sys.argv[-1], meta)


main()
