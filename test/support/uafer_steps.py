"""Training steps of UA-FER in plain PyTorch, at a constant rate.

Usage: python3 uafer_steps.py CHECKPOINT INPUTS OUTPUTS SETTINGS
INPUTS holds `images` (steps, B, 3, S, S), `labels` (steps, B) and `ids` (C, L). OUTPUTS gets the untrained tower's `features`
(B, 1 + N, D) of the first step's images, the `logits` (steps, B, C), `losses` (steps, 2: classification, distillation) and what
the steps made of `visual.proj`. SETTINGS is JSON: what plain_uafer wants, and lr.
"""

import copy
import json
import sys

import torch
import torch.nn.functional as F
from plain_clip import load_clip
from plain_uafer import affinities, evidential_mse, parameter_groups
from safetensors.torch import load_file, save_file

checkpoint, inputs, outputs, settings = sys.argv[1:]
settings, given = json.loads(settings), load_file(inputs)

clip = load_clip(checkpoint)
student, teacher = clip.visual, copy.deepcopy(clip.visual)
with torch.no_grad():
    text = F.normalize(clip.encode_text(given["ids"]), dim=-1)
    first = student(given["images"][0])
groups = [{**group, "lr": settings["lr"] * group["scale"]} for group in parameter_groups(student, settings)]
optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
all_logits, losses = [], []
for images, labels in zip(given["images"], given["labels"]):
    logits, feature = affinities(student(images), text, settings)
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
