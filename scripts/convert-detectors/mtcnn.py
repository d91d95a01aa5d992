"""P-Net, R-Net and O-Net of MTCNN (Zhang et al. 2016) from facenet-pytorch's state dicts.

Two things are folded into the weights, which change no result beyond rounding: the softmax of two classes is the sigmoid of the
difference of their logits, so the networks give the probability of a face alone; and the first dense layer takes its features in
the order channel, row, column, while the state dicts have them in the order column, row, channel, as Caffe for MATLAB left them.
"""

import io

import numpy as np
import torch
from graph import Graph

# Channels, kernel and the max pooling (window; stride 2, the last window may reach beyond) of each convolution, input side.
CONVOLUTIONS = {"pnet": [2, None, None], "rnet": [3, 3, None], "onet": [3, 3, 2, None]}
# Dense layer's name, its input as channels, height, width; and the heads' name.
DENSE = {"rnet": ("dense4", (64, 3, 3), "dense5"), "onet": ("dense5", (128, 3, 3), "dense6")}
SIDE = {"rnet": 24, "onet": 48}


def convert_mtcnn(name: str, archive: bytes, metadata: dict[str, str]) -> bytes:
    """`pnet`: pictures (N, 3, H, W) to `score` (N, 1, h, w) and `box` (N, 4, h, w). `rnet`, `onet`: crops (N, 3, S, S) to `score`
    (N, 1), `box` (N, 4) and for `onet` `landmarks` (N, 10): five x, then five y. Pixels are (value - 127.5) / 128, RGB."""
    weights = {key: value.numpy() for key, value in torch.load(io.BytesIO(archive), weights_only=True).items()}
    graph = Graph(name)
    size = (SIDE[name], SIDE[name]) if name in SIDE else ("height", "width")
    x = convolutions(graph, weights, graph.input("pixels", "batch", 3, *size), CONVOLUTIONS[name])
    if name == "pnet":
        convolution(graph, x, "score.logit", *face_logit(weights, "conv4_1"))
        convolution(graph, x, "box", weights["conv4_2.weight"], weights["conv4_2.bias"])
        shape = ["rows", "columns"]
    else:
        dense, features, heads = DENSE[name]
        x = graph.node("Flatten", [x], "features")
        x = linear(graph, x, dense, row_major(weights[f"{dense}.weight"], features), weights[f"{dense}.bias"])
        x = prelu(graph, x, weights[f"prelu{dense[-1]}.weight"], spatial=False, output=f"{dense}.prelu")
        linear(graph, x, "score.logit", *face_logit(weights, f"{heads}_1"))
        linear(graph, x, "box", weights[f"{heads}_2.weight"], weights[f"{heads}_2.bias"])
        shape = []
    graph.node("Sigmoid", ["score.logit"], "score")
    graph.output("score", "batch", 1, *shape)
    graph.output("box", "batch", 4, *shape)
    if name == "onet":
        linear(graph, x, "landmarks", weights["dense6_3.weight"], weights["dense6_3.bias"])
        graph.output("landmarks", "batch", 10)
    return graph.bytes(metadata)


def convolutions(graph: Graph, weights: dict, x: str, pools: list[int | None]) -> str:
    for i, pool in enumerate(pools, 1):
        x = convolution(graph, x, f"conv{i}", weights[f"conv{i}.weight"], weights[f"conv{i}.bias"])
        x = prelu(graph, x, weights[f"prelu{i}.weight"], spatial=True, output=f"conv{i}.prelu")
        if pool:
            x = graph.node("MaxPool", [x], f"pool{i}", kernel_shape=[pool, pool], strides=[2, 2], ceil_mode=1)
    return x


def convolution(graph: Graph, x: str, output: str, weight: np.ndarray, bias: np.ndarray) -> str:
    names = [graph.constant(f"{output}.weight", weight), graph.constant(f"{output}.bias", bias)]
    return graph.node("Conv", [x, *names], output, kernel_shape=weight.shape[2:])


def linear(graph: Graph, x: str, output: str, weight: np.ndarray, bias: np.ndarray) -> str:
    names = [graph.constant(f"{output}.weight", weight), graph.constant(f"{output}.bias", bias)]
    return graph.node("Gemm", [x, *names], output, transB=1)


def prelu(graph: Graph, x: str, slope: np.ndarray, *, spatial: bool, output: str) -> str:
    name = graph.constant(f"{output}.slope", slope.reshape(-1, 1, 1) if spatial else slope)
    return graph.node("PRelu", [x, name], output)


def face_logit(weights: dict, layer: str) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    return weight[1:] - weight[:1], bias[1:] - bias[:1]


def row_major(weight: np.ndarray, features: tuple[int, int, int]) -> np.ndarray:
    channels, height, width = features
    return weight.reshape(-1, width, height, channels).transpose(0, 3, 2, 1).reshape(len(weight), -1)
