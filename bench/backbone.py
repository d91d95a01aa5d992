"""The image-text training of the small backbone in plain PyTorch, for comparison with `recipes/small-clip.yaml` in our engine.

Usage: python3 bench/backbone.py FERPLUS STEPS_PER_ROUND
Reads a line from standard input before each round of steps, and prints a JSON line after it, so that the caller can interleave.
"""

import csv
import json
import math
import resource
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

CLASSES, SIZE, BATCH, TOPK, LOCAL_WEIGHT = 8, 48, 128, 16, 0.5
STEM, VISION_WIDTH, VISION_LAYERS = [64, 128, 256, 256], 192, 4
TEXT_WIDTH, TEXT_LAYERS, CONTEXT, VOCABULARY, EMBED = 128, 3, 24, 8706, 128


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.heads = width // 64
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, x, causal=False):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(batch, length, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.ln_2(x))


class SmallClip(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for i, out in enumerate(STEM):
            layers += [nn.Conv2d(channels, out, 3, 1 if i == 0 else 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        self.stem = nn.Sequential(*layers, nn.Conv2d(channels, VISION_WIDTH, 1, bias=False))
        self.stem = self.stem.to(memory_format=torch.channels_last)
        tokens = (SIZE // 2 ** (len(STEM) - 1)) ** 2 + 1
        self.cls = nn.Parameter(torch.randn(VISION_WIDTH) * 0.02)
        self.position = nn.Parameter(torch.randn(tokens, VISION_WIDTH) * 0.02)
        self.ln_pre, self.ln_post = nn.LayerNorm(VISION_WIDTH), nn.LayerNorm(VISION_WIDTH)
        self.blocks = nn.ModuleList(Block(VISION_WIDTH) for _ in range(VISION_LAYERS))
        self.proj = nn.Parameter(torch.randn(VISION_WIDTH, EMBED) * VISION_WIDTH**-0.5)
        self.token = nn.Embedding(VOCABULARY, TEXT_WIDTH)
        self.text_position = nn.Parameter(torch.randn(CONTEXT, TEXT_WIDTH) * 0.01)
        self.text_blocks = nn.ModuleList(Block(TEXT_WIDTH) for _ in range(TEXT_LAYERS))
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_proj = nn.Parameter(torch.randn(TEXT_WIDTH, EMBED) * TEXT_WIDTH**-0.5)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def image(self, x):
        x = self.stem(x.contiguous(memory_format=torch.channels_last)).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.position
        x = self.ln_pre(x)
        for block in self.blocks:
            x = block(x)
        return F.normalize(self.ln_post(x) @ self.proj, dim=-1)

    def text(self, ids):
        x = self.token(ids) + self.text_position
        for block in self.text_blocks:
            x = block(x, causal=True)
        x = self.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)]
        return F.normalize(x @ self.text_proj, dim=-1)

    def loss(self, images, ids, votes):
        tokens, text = self.image(images), self.text(ids)
        affinity = self.scale.exp() * (tokens @ text.T)
        local = affinity[:, 1:].topk(TOPK, dim=1).values.mean(1)
        entropy = lambda logits: -(votes * F.log_softmax(logits.float(), -1)).sum(-1).mean()
        return entropy(affinity[:, 0]) + LOCAL_WEIGHT * entropy(local)


def load(root):
    """Pictures (N, 48, 48) uint8 and votes (N, 8) of FER+'s training part, by the rule of our `distribution`."""
    pictures, shares = [], []
    for row in csv.DictReader(open(root / "fer2013new.csv")):
        if row["Usage"] != "Training" or not row["Image name"]:
            continue
        votes = torch.tensor([float(v) for v in list(row.values())[2:]])
        votes[votes <= 1] = 0
        if votes.sum() == 0 or votes.argmax() >= CLASSES:
            continue
        picture = Image.open(root / "FER2013Train" / row["Image name"]).convert("L")
        pictures.append(torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(SIZE, SIZE))
        shares.append(votes[:CLASSES] / votes[:CLASSES].sum())
    return torch.stack(pictures), torch.stack(shares)


def augment(x):
    """Mirror, small affine, brightness and contrast, erasing: (B, 1, S, S) in 0..1 to (B, 3, S, S) normalised."""
    n = len(x)
    uniform = lambda low, high, *shape: low + (high - low) * torch.rand(n, *shape)
    angle, zoom = uniform(-15, 15) * math.pi / 180, uniform(0.88, 1.12)
    mirror = (torch.rand(n) < 0.5).float() * 2 - 1
    theta = torch.stack(
        [
            torch.stack([angle.cos() * zoom * mirror, -angle.sin() * zoom, uniform(-0.16, 0.16)], 1),
            torch.stack([angle.sin() * zoom * mirror, angle.cos() * zoom, uniform(-0.16, 0.16)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    x = (x - 0.5) * uniform(0.75, 1.25, 1, 1, 1) + 0.5 + uniform(-0.25, 0.25, 1, 1, 1)
    for i in torch.nonzero(torch.rand(n) < 0.25).flatten().tolist():
        side = int(SIZE * math.sqrt(float(torch.empty(1).uniform_(0.02, 0.2))))
        top, left = torch.randint(0, SIZE - side, (2,)).tolist()
        x[i, :, top : top + side, left : left + side] = 0.45
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return (x.expand(-1, 3, -1, -1) - mean) / deviation


def main():
    root, steps = Path(sys.argv[1]), int(sys.argv[2])
    torch.manual_seed(0)
    pictures, votes = load(root)
    model = SmallClip().train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    average = [p.detach().clone() for p in model.parameters()]
    ids = torch.zeros(CLASSES, CONTEXT, dtype=torch.long)
    ids[:, :9] = torch.randint(1, VOCABULARY - 2, (CLASSES, 9))
    ids[:, 9] = VOCABULARY - 1
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(steps):
            chosen = torch.randint(0, len(pictures), (BATCH,))
            images = augment(pictures[chosen][:, None].float() / 255)
            with torch.autocast("cpu", torch.bfloat16):
                loss = model.loss(images, ids, votes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(average, list(model.parameters()), 0.002)
            value = loss.item()
        seconds = (time.perf_counter() - began) / steps
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "loss": value, "peakMb": peak}), flush=True)


main()
