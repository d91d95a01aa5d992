"""facenet-pytorch's MTCNN on pictures: `python3 facenet_mtcnn.py PICTURE...` prints a JSON list, for each picture a list of
{box: [left, top, right, bottom], points: [[x, y] * 5], score}.

The package imports torchvision, which does not go with the tests' PyTorch; of it detection needs only non-maximum suppression, which
is here in NumPy. It also imports two packages for downloads that detection has no use for.
"""

import json
import sys
import types

import numpy as np
import torch
from PIL import Image


def batched_nms(boxes, scores, groups, threshold):
    """torchvision's: greedy, best first, by intersection over union; boxes of different groups don't meet."""
    boxes, groups = boxes.numpy(), groups.numpy()
    order = np.argsort(-scores.numpy(), kind="stable")
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        width = np.minimum(right[best], right[order]) - np.maximum(left[best], left[order])
        height = np.minimum(bottom[best], bottom[order]) - np.maximum(top[best], top[order])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        overlap = shared / (areas[best] + areas[order] - shared)
        order = order[(overlap.astype(np.float64) <= threshold) | (groups[order] != groups[best])]
    return torch.tensor(kept, dtype=torch.long)


def stub(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


def import_mtcnn():
    functional = stub("torchvision.transforms.functional")
    transforms = stub("torchvision.transforms", functional=functional)
    boxes = stub("torchvision.ops.boxes", batched_nms=batched_nms)
    stub("torchvision", transforms=transforms, ops=stub("torchvision.ops", boxes=boxes))
    stub("requests", adapters=stub("requests.adapters", HTTPAdapter=None))
    stub("tqdm", tqdm=None)
    from facenet_pytorch import MTCNN

    return MTCNN


def detect(mtcnn, file):
    boxes, scores, points = mtcnn.detect(Image.open(file).convert("RGB"), landmarks=True)
    if boxes is None:
        return []
    return [
        {"box": box.tolist(), "points": five.tolist(), "score": float(score)}
        for box, score, five in zip(boxes, scores, points, strict=True)
    ]


if __name__ == "__main__":
    mtcnn = import_mtcnn()(keep_all=True)
    print(json.dumps([detect(mtcnn, file) for file in sys.argv[1:]]))
