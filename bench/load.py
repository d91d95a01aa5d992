"""Pillow's side of load.js: for each line of standard input, reads all pictures once and prints the seconds it took.

Usage: python load.py BATCH SIZE PICTURE...
"""

import json
import platform
import sys
import time

import numpy as np
import PIL
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def load(path: str, size: int) -> np.ndarray:
    picture = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    values = np.asarray(picture, np.float32) / np.float32(255)
    return ((values - MEAN) / DEVIATION).transpose(2, 0, 1)


def main() -> None:
    batch, size, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    print(json.dumps(f"Python {platform.python_version()}, Pillow {PIL.__version__}, NumPy {np.__version__}"), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        total = 0.0
        for first in range(0, len(paths), batch):
            images = np.stack([load(path, size) for path in paths[first : first + batch]])
            total += float(images[0, 0, 0, 0])
        print(json.dumps(time.perf_counter() - begin), flush=True)


main()
