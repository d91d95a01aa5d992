"""P-Net, R-Net and O-Net of MTCNN (Zhang et al. 2016) from facenet-pytorch's state dicts.

Rounding apart the networks are the same, but written so that ONNX Runtime is fast on them:
- PReLU with a slope a of each channel is a x + (1 - a) relu(x), that is, two 1 x 1 convolutions of single channels. The runtime's own
  PReLU took half of the time, and the change of layout before and after it another tenth. Before the linear heads of P-Net the two
  factors go into their weights.
- After the first convolution, on the most pixels, pooling comes before PReLU (`pooled_first`).
- Channels are filled up with zeros to a multiple of 16, which is what its convolutions want.
- The softmax of two classes is the sigmoid of the difference of their logits.
- The first dense layer takes its features in the order channel, row, column; the state dicts have them in the order column, row, channel.
"""

import io

import numpy as np
import torch
from graph import CHANNEL_BLOCK, Graph

# The max pooling after each convolution: side of its window; stride 2, the last window may reach beyond.
CONVOLUTIONS = {"pnet": [2, None, None], "rnet": [3, 3, None], "onet": [3, 3, 2, None]}
# The dense layer's name, its input as channels, height, width; and the heads' name.
DENSE = {"rnet": ("dense4", (64, 3, 3), "dense5"), "onet": ("dense5", (128, 3, 3), "dense6")}
SIDE = {"rnet": 24, "onet": 48}


def convert_mtcnn(name: str, archive: bytes, metadata: dict[str, str]) -> bytes:
    """`pnet`: pictures (N, 3, H, W) to `score` (N, 1, h, w) and `box` (N, 4, h, w). `rnet`, `onet`: crops (N, 3, S, S) to `score`
    (N, 1), `box` (N, 4) and for `onet` `landmarks` (N, 10): five x, then five y. Pixels are (value - 127.5) / 128, RGB."""
    weights = {key: value.numpy() for key, value in torch.load(io.BytesIO(archive), weights_only=True).items()}
    graph = Graph(name)
    size = (SIDE[name], SIDE[name]) if name in SIDE else ("height", "width")
    x = graph.input("pixels", "batch", 3, *size)
    if name == "pnet":
        proposal(graph, weights, x)
    else:
        crop_network(graph, weights, x, name)
    graph.node("Sigmoid", ["score.logit"], "score")
    return graph.bytes(metadata)


def proposal(graph: Graph, weights: dict, x: str) -> None:
    first, second, _ = CONVOLUTIONS["pnet"]
    x, weights = pooled_first(graph, weights, x, first)
    x = activated(graph, weights, x, 2, second)
    x, positive, slope = split(graph, weights, x, 3)
    logit, logit_bias = face_logit(weights, "conv4_1")
    head = np.concatenate([logit, weights["conv4_2.weight"]])
    bias = np.concatenate([logit_bias, weights["conv4_2.bias"]])
    slope = slope.reshape(1, -1, 1, 1)
    straight = convolution(graph, x, "heads.straight", head * slope, bias)
    bent = convolution(graph, positive, "heads.bent", head * (1 - slope))
    heads = graph.node("Add", [straight, bent], "heads")
    graph.split(heads, {"score.logit": 1, "box": 4})
    graph.output("score", "batch", 1, "rows", "columns")
    graph.output("box", "batch", 4, "rows", "columns")


def crop_network(graph: Graph, weights: dict, x: str, name: str) -> None:
    x, weights = pooled_first(graph, weights, x, CONVOLUTIONS[name][0])
    for layer, pool in enumerate(CONVOLUTIONS[name][1:], 2):
        x = activated(graph, weights, x, layer, pool)
    dense, features, heads = DENSE[name]
    x = graph.node("Flatten", [x], "features")
    x = linear(graph, x, dense, row_major(weights[f"{dense}.weight"], features), weights[f"{dense}.bias"])
    slope = graph.constant(f"{dense}.slope", weights[f"prelu{dense[-1]}.weight"])
    x = graph.node("PRelu", [x, slope], f"{dense}.prelu")
    linear(graph, x, "score.logit", *face_logit(weights, f"{heads}_1"))
    graph.output("score", "batch", 1)
    linear(graph, x, "box", weights[f"{heads}_2.weight"], weights[f"{heads}_2.bias"])
    graph.output("box", "batch", 4)
    if name == "onet":
        linear(graph, x, "landmarks", weights["dense6_3.weight"], weights["dense6_3.bias"])
        graph.output("landmarks", "batch", 10)


def activated(graph: Graph, weights: dict, x: str, layer: int, pool: int | None) -> str:
    """Convolution, PReLU and, where there is one, pooling."""
    x, positive, slope = split(graph, weights, x, layer)
    straight = scale(graph, x, f"conv{layer}.straight", slope)
    bent = scale(graph, positive, f"conv{layer}.bent", 1 - slope)
    x = graph.node("Add", [straight, bent], f"conv{layer}.prelu")
    return max_pool(graph, x, layer, pool) if pool else x


def max_pool(graph: Graph, x: str, layer: int, pool: int) -> str:
    return graph.node("MaxPool", [x], f"pool{layer}", kernel_shape=[pool, pool], strides=[2, 2], ceil_mode=1)


def pooled_first(graph: Graph, weights: dict, x: str, pool: int) -> tuple[str, dict]:
    """The first convolution, pooling and PReLU, in this order; and the weights for what follows.

    Over a window whose largest value is M and smallest m, PReLU with slope a has the maximum

        a M + (1 - a) relu(M)          where a is not negative: PReLU rises with its argument,
        a m + relu(M - a m)            where it is: that is max(M, a m), and -m is the largest of the values' negatives.

    Each is a linear term and a ReLU of a linear term. Where its factor 1 - a is negative, the channel's sign is turned here and once more by
    the weights of the second convolution.
    """
    weight, bias, slope = (weights[key] for key in ("conv1.weight", "conv1.bias", "prelu1.weight"))
    falling = np.flatnonzero(slope < 0)
    both = fill(np.concatenate([weight, -weight[falling]]), 0), fill(np.concatenate([bias, -bias[falling]]), 0)
    x = max_pool(graph, convolution(graph, x, "conv1", *both), 1, pool)
    outputs = len(fill(slope, 0))
    linear, bent = (np.zeros((outputs, len(both[0]), 1, 1), np.float32) for _ in range(2))
    sign = np.where(slope > 1, -1, 1).astype(np.float32)
    for channel, a in enumerate(slope):
        negative = len(slope) + np.searchsorted(falling, channel)
        linear[channel, negative if a < 0 else channel] = sign[channel] * abs(a)
        bent[channel, channel] = 1 if a < 0 else abs(1 - a)
        if a < 0:
            bent[channel, negative] = a
    x = graph.node(
        "Add",
        [
            convolution(graph, x, "conv1.linear", linear),
            graph.node("Relu", [convolution(graph, x, "conv1.bent", bent)], "conv1.relu"),
        ],
        "conv1.prelu",
    )
    return x, {**weights, "conv2.weight": weights["conv2.weight"] * sign.reshape(1, -1, 1, 1)}


def split(graph: Graph, weights: dict, x: str, layer: int) -> tuple[str, str, np.ndarray]:
    """A convolution, its positive part, and the slope of each channel where it is negative."""
    weight = fill(fill(weights[f"conv{layer}.weight"], 0), 1 if layer > 1 else None)
    x = convolution(graph, x, f"conv{layer}", weight, fill(weights[f"conv{layer}.bias"], 0))
    return x, graph.node("Relu", [x], f"conv{layer}.relu"), fill(weights[f"prelu{layer}.weight"], 0)


def fill(value: np.ndarray, axis: int | None) -> np.ndarray:
    if axis is None:
        return value
    missing = -value.shape[axis] % CHANNEL_BLOCK
    return np.pad(value, [(0, missing if i == axis else 0) for i in range(value.ndim)])


def scale(graph: Graph, x: str, output: str, factors: np.ndarray) -> str:
    """Each channel times its factor."""
    weight = graph.constant(f"{output}.weight", factors.reshape(-1, 1, 1, 1))
    return graph.node("Conv", [x, weight], output, kernel_shape=[1, 1], group=len(factors))


def convolution(graph: Graph, x: str, output: str, weight: np.ndarray, bias: np.ndarray | None = None) -> str:
    inputs = [x, graph.constant(f"{output}.weight", weight)]
    if bias is not None:
        inputs.append(graph.constant(f"{output}.bias", bias))
    return graph.node("Conv", inputs, output, kernel_shape=weight.shape[2:])


def linear(graph: Graph, x: str, output: str, weight: np.ndarray, bias: np.ndarray) -> str:
    names = [graph.constant(f"{output}.weight", weight), graph.constant(f"{output}.bias", bias)]
    return graph.node("Gemm", [x, *names], output, transB=1)


def face_logit(weights: dict, layer: str) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    return weight[1:] - weight[:1], bias[1:] - bias[:1]


def row_major(weight: np.ndarray, features: tuple[int, int, int]) -> np.ndarray:
    channels, height, width = features
    return weight.reshape(-1, width, height, channels).transpose(0, 3, 2, 1).reshape(len(weight), -1)
