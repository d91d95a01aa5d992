"""PyTorch's side of step.js: UA-FER's training step as its paper and options describe it, in plain PyTorch.

Usage: python3 step.py BATCH THREADS LAYERS; a step for each line that it reads.
"""

import json
import re
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CLASSES, JOINT, CONTEXT, VOCABULARY = 7, 512, 77, 49408
ALPHA, TOP_K, FIX_LAYER, LAYER_DECAY, LR, WEIGHT_DECAY = 0.1, 16, 2, 0.65, 1e-4, 5e-4


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """Residual attention block over tokens (L, B, W)."""

    def __init__(self, width, heads, mask=None):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))
        self.register_buffer("mask", mask)

    def forward(self, x):
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False, attn_mask=self.mask)[0]
        return x + self.mlp(self.ln_2(x))


class Vision(nn.Module):
    def __init__(self, layers, width=768, patch=16, side=224):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn((side // patch) ** 2 + 1, width) * width**-0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*[Block(width, width // 64) for _ in range(layers)])
        self.proj = nn.Parameter(torch.randn(width, JOINT) * width**-0.5)

    def forward(self, images):
        """CLS features (B, D) and patch features (B, N, D)."""
        x = self.conv1(images).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([cls, x], 1) + self.positional_embedding)
        x = self.blocks(x.transpose(0, 1)).transpose(0, 1)
        x = self.ln_post(x) @ self.proj
        return x[:, 0], x[:, 1:]


class Text(nn.Module):
    def __init__(self, width=512, layers=12):
        super().__init__()
        causal = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, width) * 0.01)
        self.blocks = nn.Sequential(*[Block(width, width // 64, causal) for _ in range(layers)])
        self.ln_final = nn.LayerNorm(width)
        self.projection = nn.Parameter(torch.randn(width, JOINT) * width**-0.5)

    def forward(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding
        x = self.ln_final(self.blocks(x.transpose(0, 1)).transpose(0, 1))
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.projection


def unit(x, dim=-1):
    return x / x.norm(dim=dim, keepdim=True)


def scores(cls, patches, text, alpha=ALPHA):
    """Logits (B, C) of unit features: the k most similar patches, and the CLS feature."""
    local = (patches @ text.t()).topk(TOP_K, dim=1).values.mean(1)
    return alpha * unit(local) + (1 - alpha) * unit(cls @ text.t())


def edl_mse(logits, labels):
    alpha = F.relu(logits) + 1
    return (F.one_hot(labels, CLASSES) - alpha / alpha.sum(1, keepdim=True)).square().sum(1).mean()


def layer_id(name, layers):
    block = re.match(r"blocks\.(\d+)\.", name)
    if block:
        return int(block[1]) + 1
    return layers + 1 if name.startswith(("ln_post", "proj")) else 0


def groups(model, layers, fix_layer=FIX_LAYER):
    found = {}
    for name, parameter in model.named_parameters():
        layer = layer_id(name, layers)
        if layer <= fix_layer:
            parameter.requires_grad = False
            continue
        decay = WEIGHT_DECAY if parameter.ndim > 1 else 0
        rate = LR * LAYER_DECAY ** (layers + 1 - layer)
        found.setdefault((layer, decay), {"params": [], "lr": rate, "weight_decay": decay})["params"].append(parameter)
    return list(found.values())


def main():
    batch, threads, layers = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    text = Text().requires_grad_(False)
    student, teacher = Vision(layers), Vision(layers).requires_grad_(False)
    teacher.load_state_dict(student.state_dict())
    optimizer = torch.optim.AdamW(groups(student, layers))
    images = torch.randn(batch, 3, 224, 224)
    labels = torch.arange(batch) % CLASSES
    ids = torch.zeros(CLASSES, CONTEXT, dtype=torch.long)
    ids[:, 0], ids[:, 1], ids[:, 2] = VOCABULARY - 2, torch.arange(1000, 1000 + CLASSES), VOCABULARY - 1

    def step():
        optimizer.zero_grad()
        with torch.no_grad():
            classes, taught = unit(text(ids)), teacher(images)[0]
        cls, patches = student(images)
        cls, patches = unit(cls), unit(patches)
        loss = edl_mse(scores(cls, patches, classes), labels) + (cls - taught).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    print(json.dumps({"versions": f"Python {sys.version.split()[0]}, PyTorch {torch.__version__}"}), flush=True)
    for _ in sys.stdin:
        begin, used = time.perf_counter(), time.process_time()
        loss = step()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - used
        print(json.dumps({"seconds": seconds, "cpu": cpu, "loss": loss}), flush=True)
    print(json.dumps({"peakMiB": peak_mib()}), flush=True)


def peak_mib():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main()
