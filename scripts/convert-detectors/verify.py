"""The converted networks beside those they were made from, on seeded noise: ONNX Runtime beside PyTorch and LiteRT."""

import io

import numpy as np
import onnxruntime
import torch
from ai_edge_litert.interpreter import Interpreter
from torch.nn import functional as F

# Probabilities and box offsets are of order one; BlazeFace's outputs are logits and pixels of the input, up to some hundreds.
MTCNN_TOLERANCE, BLAZEFACE_TOLERANCE = 1e-5, 2e-3


def verify_mtcnn(name: str, archive: bytes, model: bytes) -> dict[str, float]:
    weights = torch.load(io.BytesIO(archive), weights_only=True)
    random = np.random.default_rng(0)
    # Odd sizes too, where the last pooling window reaches beyond the picture.
    sizes = {"pnet": [(37, 50), (12, 12), (64, 41)], "rnet": [(24, 24)], "onet": [(48, 48)]}[name]
    differences: dict[str, float] = {}
    for size in sizes:
        pixels = random.uniform(-1, 1, (3, 3, *size)).astype(np.float32)
        with torch.no_grad():
            expected = plain_mtcnn(name, weights, torch.from_numpy(pixels))
        merge(differences, run(model, pixels), {key: value.numpy() for key, value in expected.items()})
    return checked(name, differences, MTCNN_TOLERANCE)


def plain_mtcnn(name: str, weights: dict[str, torch.Tensor], x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The network as facenet-pytorch has it, in plain PyTorch."""

    def layer(kind, key, x):
        return kind(x, weights[f"{key}.weight"], weights[f"{key}.bias"])

    pools = {"pnet": [2, 0, 0], "rnet": [3, 3, 0], "onet": [3, 3, 2, 0]}[name]
    for i, pool in enumerate(pools, 1):
        x = F.prelu(layer(F.conv2d, f"conv{i}", x), weights[f"prelu{i}.weight"])
        if pool:
            x = F.max_pool2d(x, pool, 2, ceil_mode=True)
    if name == "pnet":
        score = layer(F.conv2d, "conv4_1", x).softmax(1)[:, 1:]
        return {"score": score, "box": layer(F.conv2d, "conv4_2", x)}
    dense = len(pools) + 1
    x = x.permute(0, 3, 2, 1).flatten(1)
    x = F.prelu(layer(F.linear, f"dense{dense}", x), weights[f"prelu{dense}.weight"])
    heads = f"dense{dense + 1}"
    found = {"score": layer(F.linear, f"{heads}_1", x).softmax(1)[:, 1:], "box": layer(F.linear, f"{heads}_2", x)}
    return found if name == "rnet" else {**found, "landmarks": layer(F.linear, f"{heads}_3", x)}


def verify_blazeface(file: bytes, model: bytes) -> dict[str, float]:
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    [given], wanted = interpreter.get_input_details(), interpreter.get_output_details()
    random = np.random.default_rng(0)
    differences: dict[str, float] = {}
    for _ in range(3):
        pixels = random.uniform(-1, 1, given["shape"]).astype(np.float32)
        interpreter.set_tensor(given["index"], pixels)
        interpreter.invoke()
        regressors, classificators = (interpreter.get_tensor(output["index"]) for output in wanted)
        expected = {"regressors": regressors, "classificators": classificators}
        merge(differences, run(model, pixels.transpose(0, 3, 1, 2)), expected)
    return checked("blazeface", differences, BLAZEFACE_TOLERANCE)


def run(model: bytes, pixels: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"pixels": np.ascontiguousarray(pixels)}), strict=True))


def merge(differences: dict[str, float], got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for key, value in expected.items():
        if got[key].shape != value.shape:
            raise SystemExit(f"{key} has shape {got[key].shape}, expected {value.shape}")
        differences[key] = max(differences.get(key, 0.0), float(np.abs(got[key] - value).max()))


def checked(name: str, differences: dict[str, float], tolerance: float) -> dict[str, float]:
    worst = max(differences.values())
    if worst > tolerance:
        raise SystemExit(f"{name} differs from its original by {worst:.2g}, expected at most {tolerance}")
    return differences
