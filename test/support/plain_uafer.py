"""UA-FER (evidential mse loss on relu evidence, distillation, AdamW with layer-wise decay) in plain PyTorch: what our training is compared with.

`settings` has alpha, topk, fix_layer, layer_decay and weight_decay.
"""

import re

import torch.nn.functional as F


def parameter_groups(tower, settings):
    """One group for each parameter that is trained, with its share `scale` of the learning rate; the others are frozen."""
    last = len(tower.transformer.resblocks) + 1
    for name, parameter in tower.named_parameters():
        block = re.match(r"transformer\.resblocks\.(\d+)\.", name)
        layer = int(block[1]) + 1 if block else last if name.startswith("ln_post") or name == "proj" else 0
        parameter.requires_grad = layer > settings["fix_layer"]
        if parameter.requires_grad:
            scale = settings["layer_decay"] ** (last - layer)
            decay = settings["weight_decay"] if parameter.ndim > 1 else 0.0
            yield {"params": [parameter], "scale": scale, "weight_decay": decay}


def affinities(features, text, settings):
    """Features (B, 1 + N, D) and texts (C, D) to logits (B, C), and the class token's features of unit length (B, D)."""
    unit = F.normalize(features, dim=-1)
    products = unit @ text.T
    local = F.normalize(products[:, 1:].topk(settings["topk"], dim=1).values.mean(1), dim=-1)
    whole = F.normalize(products[:, 0], dim=-1)
    return settings["alpha"] * local + (1 - settings["alpha"]) * whole, unit[:, 0]


def evidential_mse(logits, labels):
    alpha = logits.relu() + 1
    probability = alpha / alpha.sum(1, keepdim=True)
    return (F.one_hot(labels, logits.shape[1]) - probability).square().sum(1).mean()
