"""A run over picture files with Pillow and plain PyTorch, as the original's loop does it without augmentation and shuffling.

Usage: python3 original_run.py CHECKPOINT DATA MODEL SETTINGS
DATA is in RAF-DB's layout. Prints the losses of every step and the test pictures' names and logits as JSON; MODEL gets the trained
tower's state, saved by PyTorch with the original's names. SETTINGS is JSON: what plain_uafer wants, and lr, min_lr, epochs,
warmup_epochs, batch_size, steps, and `ids`, the class names' tokens.
"""

import copy
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from plain_clip import load_clip
from plain_uafer import affinities, evidential_mse, parameter_groups

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

checkpoint, data, model, settings = sys.argv[1:]
basic, settings = Path(data) / "basic", json.loads(settings)


def column(name):
    return [line.split()[1] for line in (basic / "EmoLabel" / f"{name}.txt").read_text().splitlines()]


def listed(split):
    """Names and labels (from 0) of a part: class after class, within one as listed."""
    rows = zip(column("images"), column("image_class_labels"), column("train_test_split"))
    return sorted([(name, int(label) - 1) for name, label, part in rows if part == split], key=lambda row: row[1])


def picture(name, size):
    image = Image.open(basic / "Image" / "aligned_224" / name).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1)
    return (pixels / 255 - MEAN) / DEVIATION


def batches(rows):
    for first in range(0, len(rows), settings["batch_size"]):
        chosen = rows[first : first + settings["batch_size"]]
        yield torch.stack([picture(name, size) for name, _ in chosen]), torch.tensor([label for _, label in chosen])


def rate(epoch):
    """Warm-up from zero, then half a cosine."""
    lr, low, warmup = settings["lr"], settings["min_lr"], settings["warmup_epochs"]
    if epoch < warmup:
        return lr * epoch / warmup
    done = (epoch - warmup) / (settings["epochs"] - warmup)
    return low + (lr - low) * 0.5 * (1 + math.cos(math.pi * done))


def train(student, teacher, text):
    optimizer = torch.optim.AdamW(list(parameter_groups(student, settings)), lr=settings["lr"])
    rows, losses, epoch = listed("1"), [], 0
    steps = math.ceil(len(rows) / settings["batch_size"])
    while True:
        for i, (images, labels) in enumerate(batches(rows)):
            if len(losses) == settings["steps"]:
                return losses
            for group in optimizer.param_groups:
                group["lr"] = rate(epoch + i / steps) * group["scale"]
            logits, feature = affinities(student(images), text, settings)
            with torch.no_grad():
                target = teacher(images)[:, 0]
            classification, distillation = evidential_mse(logits, labels), F.l1_loss(feature, target)
            optimizer.zero_grad()
            (classification + distillation).backward()
            optimizer.step()
            losses.append({"loss_cls": classification.item(), "loss_kd": distillation.item()})
        epoch += 1


clip = load_clip(checkpoint)
student, teacher = clip.visual, copy.deepcopy(clip.visual)
size = student.conv1.kernel_size[0] * math.isqrt(len(student.positional_embedding) - 1)
with torch.no_grad():
    text = clip.encode_text(torch.tensor(settings["ids"]))  # training compares with unit vectors, evaluation with these
losses = train(student, teacher, F.normalize(text, dim=-1))
with torch.no_grad():
    logits = torch.cat([affinities(student(images), text, settings)[0] for images, _ in batches(listed("0"))])
torch.save({"projection_dist" if name == "proj" else name: value for name, value in student.state_dict().items()}, model)
rows = [{"file": name, "label": label, "logits": row} for (name, label), row in zip(listed("0"), logits.tolist())]
print(json.dumps({"losses": losses, "rows": rows}))
