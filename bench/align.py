"""facenet-pytorch's side of align.js: MTCNN on decoded photos. Usage: python3 align.py THREADS PHOTO...; all photos for each line that it reads."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test/support"))
import facenet_mtcnn  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

suppression = 0.0


def timed(function):
    def run(*inputs):
        global suppression
        begin = time.perf_counter()
        result = function(*inputs)
        suppression += time.perf_counter() - begin
        return result

    return run


def main():
    global suppression
    threads, *files = sys.argv[1:]
    torch.set_num_threads(int(threads))
    facenet_mtcnn.batched_nms = timed(facenet_mtcnn.batched_nms)
    mtcnn = facenet_mtcnn.import_mtcnn()(keep_all=True)
    photos = [Image.open(file).convert("RGB") for file in files]
    versions = f"facenet-pytorch 2.6.0, PyTorch {torch.__version__}, {threads} threads, Python {sys.version.split()[0]}"
    print(json.dumps({"versions": versions}), flush=True)
    for _ in sys.stdin:
        suppression = 0.0
        begin = time.perf_counter()
        found = [mtcnn.detect(photo, landmarks=True)[0] for photo in photos]
        seconds = time.perf_counter() - begin
        # torchvision's suppression is native and cannot be had here; the time of the stand-in is not held against the package.
        faces = sum(0 if boxes is None else len(boxes) for boxes in found)
        print(json.dumps({"seconds": seconds - suppression, "suppression": suppression, "faces": faces}), flush=True)


main()
