"""Writes test/fixtures/checkpoints: one tiny CLIP (random weights) in every kind of file that PyTorch makes.

Usage: python3 test/support/make_checkpoints.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).parent.parent / "fixtures" / "checkpoints"
WIDTH, JOINT, PATCH, GRID, CONTEXT, VOCABULARY = 8, 4, 4, 2, 6, 20


class Node(nn.Module):
    """A module for a dotted name; scripting wants a forward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def block():
    node = Node()
    node.attn = Node()
    node.attn.in_proj_weight = nn.Parameter(torch.randn(3 * WIDTH, WIDTH))
    node.attn.in_proj_bias = nn.Parameter(torch.randn(3 * WIDTH))
    node.attn.out_proj = nn.Linear(WIDTH, WIDTH)
    node.ln_1, node.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
    node.mlp = Node()
    node.mlp.c_fc, node.mlp.c_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
    return node


def transformer():
    node = Node()
    node.resblocks = nn.Sequential(block())
    return node


def vision():
    node = Node()
    node.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
    node.class_embedding = nn.Parameter(torch.randn(WIDTH))
    node.positional_embedding = nn.Parameter(torch.randn(GRID**2 + 1, WIDTH))
    node.ln_pre, node.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
    node.transformer = transformer()
    return node


def clip():
    node = Node()
    node.visual = vision()
    node.visual.proj = nn.Parameter(torch.randn(WIDTH, JOINT))
    node.transformer = transformer()
    node.token_embedding = nn.Embedding(VOCABULARY, WIDTH)
    node.positional_embedding = nn.Parameter(torch.randn(CONTEXT, WIDTH))
    node.ln_final = nn.LayerNorm(WIDTH)
    node.text_projection = nn.Parameter(torch.randn(WIDTH, JOINT))
    node.logit_scale = nn.Parameter(torch.tensor(2.5))
    node.half()  # as in OpenAI's files
    for name, value in [("input_resolution", GRID * PATCH), ("context_length", CONTEXT), ("vocab_size", VOCABULARY)]:
        node.register_buffer(name, torch.tensor(value))
    return node


def main():
    torch.manual_seed(0)
    OUT.mkdir(parents=True, exist_ok=True)
    model = clip()
    state = model.state_dict()
    fine_tuned = vision().float()
    fine_tuned.projection_dist = nn.Parameter(torch.randn(WIDTH, JOINT))
    torch.jit.save(torch.jit.script(model), OUT / "torchscript.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, OUT / "nested.pth")
    torch.save(fine_tuned.state_dict(), OUT / "fine_tuned.pth")
    save_file({k: v.contiguous() for k, v in state.items()}, OUT / "clip.safetensors")
    save_file(fine_tuned.state_dict(), OUT / "fine_tuned.safetensors")

    torch.save({"model": state, "ema": state}, OUT / "two_models.pth")
    torch.save(nn.Linear(2, 2), OUT / "module.pth")
    torch.save(dict(state), OUT / "before_1.6.pth", _use_new_zipfile_serialization=False)
    x = torch.arange(24.0).reshape(4, 6)
    odd = {
        "transposed": x.t(),
        "sliced": x[1:3, ::2],
        "row": x[2],
        "expanded": torch.ones(3, 1).expand(3, 4),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(7),
        "bfloat16": x[0].bfloat16(),
        "bool": x[0] > 2,
        "parameter": nn.Parameter(x[1]),
    }
    torch.save({"inner": odd, "list": [x], "text": "words", "none": None, 5: x}, OUT / "odd.pth", pickle_protocol=4)


main()
