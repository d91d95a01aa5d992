"""PyTorch's side of train.js: step.py's training step on the pictures and the weights that the other side uses.

Usage: python3 train.py WEIGHTS.safetensors THREADS ALPHA FIX_LAYER. A line that it reads is JSON with "what": "prompts" (with their tokens, "ids"; it
comes first), "step" (with "pictures" and "labels", files of numbers, and the rate "lr") or "evaluate" ("pictures").
"""

import json
import sys
import time

import numpy as np
import torch
from step import LR, Text, Vision, edl_mse, groups, peak_mib, scores, unit

LAYERS = 12


def tensors(path):
    """A safetensors file: the length of a JSON header, the header, the bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).copy()).reshape(entry["shape"])
        for name, entry in header.items()
    }


def renamed(name):
    """OpenAI's name as step.py has it."""
    name = name.removeprefix("visual.").replace("transformer.resblocks.", "blocks.")
    return name.replace("mlp.c_fc", "mlp.0").replace("mlp.c_proj", "mlp.2").replace("text_projection", "projection")


def load(module, weights):
    own = {renamed(name): weight for name, weight in weights.items()}
    wanted = [name for name in module.state_dict() if not name.endswith("mask")]
    module.load_state_dict({name: own[name] for name in wanted}, strict=False)


def read(path, dtype, shape):
    return torch.from_numpy(np.fromfile(path, dtype)).reshape(shape)


def main():
    path, threads, alpha, fix_layer = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    weights = tensors(path)
    visual = {name: weight for name, weight in weights.items() if name.startswith("visual.")}
    text = Text().requires_grad_(False)
    load(text, {name: weight for name, weight in weights.items() if name not in visual})
    student, teacher = Vision(LAYERS), Vision(LAYERS).requires_grad_(False)
    load(student, visual)
    load(teacher, visual)
    del weights, visual
    parameters = groups(student, LAYERS, fix_layer)
    scales = [group["lr"] / LR for group in parameters]
    optimizer = torch.optim.AdamW(parameters)

    def step(ids, images, labels, lr):
        for group, scale in zip(optimizer.param_groups, scales):
            group["lr"] = lr * scale
        optimizer.zero_grad()
        with torch.no_grad():
            classes, taught = unit(text(ids)), teacher(images)[0]
        cls, patches = student(images)
        cls, patches = unit(cls), unit(patches)
        loss = edl_mse(scores(cls, patches, classes, alpha), labels) + (cls - taught).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    def evaluate(ids, images):
        with torch.no_grad():
            cls, patches = student(images)
            return scores(unit(cls), unit(patches), text(ids), alpha).sum().item()

    print(json.dumps({"versions": f"Python {sys.version.split()[0]}, PyTorch {torch.__version__}"}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["what"] == "prompts":
            ids = torch.tensor(asked["ids"])
            print("{}", flush=True)
            continue
        images = read(asked["pictures"], np.float32, (-1, 3, 224, 224))
        labels = read(asked["labels"], np.int64, -1) if asked["what"] == "step" else None
        begin = time.perf_counter()
        value = step(ids, images, labels, asked["lr"]) if asked["what"] == "step" else evaluate(ids, images)
        print(json.dumps({"seconds": time.perf_counter() - begin, "value": value, "peakMiB": peak_mib()}), flush=True)


main()
