"""Training steps of UA-FER (evidential mse loss on relu evidence, distillation, AdamW with layer-wise decay) in plain PyTorch.

Usage: python3 uafer_steps.py CHECKPOINT INPUTS OUTPUTS SETTINGS
INPUTS holds `images` (steps, B, 3, S, S), `labels` (steps, B) and `ids` (C, L). OUTPUTS gets the untrained tower's `features`
(B, 1 + N, D) of the first step's images, the `logits` (steps, B, C), `losses` (steps, 2: classification, distillation) and what
the steps made of `visual.proj`. SETTINGS is JSON: alpha, topk, fix_layer, layer_decay, weight_decay, lr.
"""

import copy
import json
import re
import sys

import torch
import torch.nn.functional as F
from plain_clip import load_clip
from safetensors.torch import load_file, save_file

checkpoint, inputs, outputs, settings = sys.argv[1:]
settings, given = json.loads(settings), load_file(inputs)


def layer_of(name, layers):
    block = re.match(r"transformer\.resblocks\.(\d+)\.", name)
    if block:
        return int(block[1]) + 1
    return layers + 1 if name.startswith("ln_post") or name == "proj" else 0


def parameter_groups(tower):
    layers = len(tower.transformer.resblocks)
    for name, parameter in tower.named_parameters():
        layer = layer_of(name, layers)
        parameter.requires_grad = layer > settings["fix_layer"]
        if parameter.requires_grad:
            rate = settings["lr"] * settings["layer_decay"] ** (layers + 1 - layer)
            decay = settings["weight_decay"] if parameter.ndim > 1 else 0.0
            yield {"params": [parameter], "lr": rate, "weight_decay": decay}


def affinities(features, text):
    unit = F.normalize(features, dim=-1)
    products = unit @ text.T
    local = F.normalize(products[:, 1:].topk(settings["topk"], dim=1).values.mean(1), dim=-1)
    whole = F.normalize(products[:, 0], dim=-1)
    return settings["alpha"] * local + (1 - settings["alpha"]) * whole, unit[:, 0]


def evidential_mse(logits, labels):
    alpha = logits.relu() + 1
    probability = alpha / alpha.sum(1, keepdim=True)
    return (F.one_hot(labels, logits.shape[1]) - probability).square().sum(1).mean()


clip = load_clip(checkpoint)
student, teacher = clip.visual, copy.deepcopy(clip.visual)
with torch.no_grad():
    text = F.normalize(clip.encode_text(given["ids"]), dim=-1)
    first = student(given["images"][0])
optimizer = torch.optim.AdamW(list(parameter_groups(student)), betas=(0.9, 0.999), eps=1e-8)
all_logits, losses = [], []
for images, labels in zip(given["images"], given["labels"]):
    logits, feature = affinities(student(images), text)
    with torch.no_grad():
        target = teacher(images)[:, 0]
    classification, distillation = evidential_mse(logits, labels), F.l1_loss(feature, target)
    optimizer.zero_grad()
    (classification + distillation).backward()
    optimizer.step()
    all_logits.append(logits.detach())
    losses.append(torch.stack([classification, distillation]).detach())
found = {"features": first, "logits": torch.stack(all_logits), "losses": torch.stack(losses), "proj": student.proj.detach()}
save_file({name: value.contiguous() for name, value in found.items()}, outputs)
