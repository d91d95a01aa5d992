"""Features of a CLIP checkpoint in plain PyTorch.

Usage: python3 tower_features.py CHECKPOINT INPUTS OUTPUTS
INPUTS holds `images` and `ids`; OUTPUTS gets `image` (B, 1 + N, D), `text`, and, where there is a stem, `image` with the batch's own
statistics as `trained` and the running statistics after it.
"""

import sys

import torch
from plain_clip import load_clip
from safetensors.torch import load_file, save_file

checkpoint, inputs, outputs = sys.argv[1:]
clip, given = load_clip(checkpoint), load_file(inputs)
with torch.no_grad():
    clip.eval()
    found = {"image": clip.visual(given["images"]), "text": clip.encode_text(given["ids"])}
    clip.train()
    found["trained"] = clip.visual(given["images"])
    found |= {name: value for name, value in clip.named_buffers() if "running" in name}
save_file({name: value.contiguous() for name, value in found.items()}, outputs)
