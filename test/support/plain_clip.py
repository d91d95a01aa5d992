"""CLIP's towers in plain PyTorch, from Radford et al. 2021, with the parameter names of OpenAI's checkpoints: what our towers are compared with."""

from collections import OrderedDict

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, max(1, width // 64), batch_first=True)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(width, 4 * width), gelu=QuickGELU(), c_proj=nn.Linear(4 * width, width))
        )

    def forward(self, x, mask):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Stem(nn.Module):
    """3 x 3 convolutions, all but the first with stride 2, and a 1 x 1 convolution to the tower's width."""

    def __init__(self, channels, width):
        super().__init__()
        self.layers = len(channels)
        for i, output in enumerate(channels):
            previous = channels[i - 1] if i else 3
            self.add_module(f"conv{i + 1}", nn.Conv2d(previous, output, 3, 2 if i else 1, 1, bias=False))
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(output))
        self.proj = nn.Conv2d(channels[-1], width, 1, bias=False)

    def forward(self, x):
        for i in range(1, self.layers + 1):
            x = torch.relu(self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x)))
        return self.proj(x)


class SeparableStem(nn.Module):
    """MobileNet's convolutions (Howard et al. 2017) with TensorFlow's padding, and a 1 x 1 convolution to the tower's width."""

    def __init__(self, channels, width):
        super().__init__()
        self.strides = []
        for i, output in enumerate(channels):
            previous = channels[i - 1] if i else 3
            if i == 0:
                self.add(nn.Conv2d(previous, output, 3, 2, bias=False))
                continue
            stride = 2 if i > 1 and output > previous else 1
            self.add(nn.Conv2d(previous, previous, 3, stride, groups=previous, bias=False))
            self.add(nn.Conv2d(previous, output, 1, bias=False))
        self.proj = nn.Conv2d(channels[-1], width, 1, bias=False)

    def add(self, convolution):
        self.strides.append(convolution.stride[0])
        self.add_module(f"conv{len(self.strides)}", convolution)
        self.add_module(f"bn{len(self.strides)}", nn.BatchNorm2d(convolution.out_channels))

    def forward(self, x):
        for i, stride in enumerate(self.strides, 1):
            convolution = self.get_submodule(f"conv{i}")
            side, kernel = x.shape[-1], convolution.kernel_size[0]
            missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            before, after = missing // 2, missing - missing // 2
            x = convolution(functional.pad(x, (before, after, before, after)))
            x = functional.relu6(self.get_submodule(f"bn{i}")(x))
        return self.proj(x)


class ResidualStem(nn.Module):
    """Basic blocks (He et al. 2016) where the width stays, 2 x 2 convolutions with stride 2 where it changes, and a 1 x 1 convolution."""

    def __init__(self, kernels, width):
        super().__init__()
        self.layers, i = [], 0
        while i < len(kernels):
            self.layers.append([i + 1] if i == 0 or kernels[i][-1] == 2 else [i + 1, i + 2])
            i += len(self.layers[-1])
        for i, (output, previous, side, _) in enumerate(kernels, 1):
            halves = 2 if side == 2 else 1
            self.add_module(f"conv{i}", nn.Conv2d(previous, output, side, halves, 0 if side == 2 else 1, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(output))
        self.proj = nn.Conv2d(kernels[-1][0], width, 1, bias=False)

    def normed(self, i, x):
        return self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x))

    def forward(self, x):
        for first, *second in self.layers:
            hidden = torch.relu(self.normed(first, x))
            x = torch.relu(x + self.normed(second[0], hidden)) if second else hidden
        return self.proj(x)


def stem_of(state, width):
    """The stem that the shapes tell; None where patches are cut by one convolution."""
    kernels = [state[f"visual.stem.conv{i}.weight"].shape for i in range(1, 99) if f"visual.stem.conv{i}.weight" in state]
    if not kernels:
        return None
    if any(kernel[-1] == 2 for kernel in kernels):
        return ResidualStem(kernels, width)
    separable = any(kernel[-1] == 1 for kernel in kernels)
    return (SeparableStem if separable else Stem)([kernel[0] for kernel in (kernels[::2] if separable else kernels)], width)


class Vision(nn.Module):
    def __init__(self, state):
        super().__init__()
        tokens, width = state["visual.positional_embedding"].shape
        stem = stem_of(state, width)
        if stem:
            self.stem = stem
        else:
            patch = state["visual.conv1.weight"].shape[-1]
            self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(tokens, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, count_layers(state, "visual.transformer"))
        self.proj = nn.Parameter(torch.empty(state["visual.proj"].shape))

    def forward(self, images):
        """(B, 3, S, S) to features (B, 1 + N, D): the class token's first, then the patches'."""
        grid = self.stem(images) if hasattr(self, "stem") else self.conv1(images)
        cls = self.class_embedding.expand(len(images), 1, -1)
        tokens = torch.cat([cls, grid.flatten(2).transpose(1, 2)], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(tokens))) @ self.proj


class Clip(nn.Module):
    def __init__(self, state):
        super().__init__()
        self.visual = Vision(state)
        vocabulary, width = state["token_embedding.weight"].shape
        context = len(state["positional_embedding"])
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(context, width))
        self.transformer = Transformer(width, count_layers(state, "transformer"))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(state["text_projection"].shape))
        self.logit_scale = nn.Parameter(torch.empty(()))
        self.load_state_dict(state | counters(self))

    def encode_text(self, ids):
        """(C, L) to (C, D), read at the end-of-text token."""
        mask = torch.full((ids.shape[1], ids.shape[1]), -torch.inf).triu(1)
        hidden = self.ln_final(self.transformer(self.token_embedding(ids) + self.positional_embedding, mask))
        return hidden[torch.arange(len(ids)), ids.argmax(1)] @ self.text_projection


def count_layers(state, name):
    return len({key.removeprefix(f"{name}.resblocks.").split(".")[0] for key in state if key.startswith(f"{name}.resblocks.")})


def counters(model):
    """The step counters of batch normalisation, which no checkpoint of ours holds."""
    return {name: value for name, value in model.named_buffers() if name.endswith("num_batches_tracked")}


def load_clip(path):
    sizes = {"input_resolution", "context_length", "vocab_size"}  # which OpenAI's files hold beside the weights
    return Clip({name: value for name, value in load_file(path).items() if name not in sizes})
