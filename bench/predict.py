"""PyTorch's side of predict.js: CLIP's towers in eager mode on the same weights, from normalised floats to probabilities.

Usage: python3 predict.py INPUT THREADS; {"batch", "runs"} a line. That grey is made and pictures are normalised is not timed, the texts'
features are computed once.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test/support"))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from plain_clip import load_clip  # noqa: E402
from torch.nn import functional as F  # noqa: E402

LUMA = np.array([19595, 38470, 7471])  # ITU-R BT.601 in 16 fractional bits, as Pillow has it


def normalized(pictures, preprocessing):
    """Bytes of RGB rows to floats (N, 3, S, S)."""
    side = preprocessing["imageSize"]
    pixels = np.fromfile(pictures, np.uint8).reshape(-1, side, side, 3)
    if preprocessing["colour"] == "grey":
        grey = (pixels.astype(np.int64) @ LUMA + (1 << 15)) >> 16
        pixels = np.repeat(grey[..., None], 3, axis=3)
    images = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(preprocessing[key]).view(3, 1, 1) for key in ("mean", "deviation"))
    return ((images - mean) / deviation).contiguous()


def main():
    given = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(int(sys.argv[2]))
    images = normalized(given["pictures"], given["preprocessing"])
    clip = load_clip(given["checkpoint"]).eval()
    with torch.inference_mode():
        texts = F.normalize(clip.encode_text(torch.tensor(given["ids"]).view(given["shape"])), dim=-1)
        scaled = clip.logit_scale.exp() * texts.T
    versions = f"threads: {torch.get_num_threads()}, Python {sys.version.split()[0]}"
    print(json.dumps({"versions": f"PyTorch {torch.__version__} eager, {versions}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        batch = images[: request["batch"]].clone()
        seconds, used = [], time.process_time()
        for _ in range(request["runs"]):
            begin = time.perf_counter()
            with torch.inference_mode():
                logits = F.normalize(clip.visual(batch)[:, 0], dim=-1) @ scaled
                logits.softmax(-1).numpy()
            seconds.append(time.perf_counter() - begin)
        cpu = time.process_time() - used
        answer = {"batch": len(batch), "seconds": seconds, "cpu": cpu, "logits": logits.flatten().tolist()}
        print(json.dumps(answer), flush=True)


main()
