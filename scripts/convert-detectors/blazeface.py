"""BlazeFace (Bazarevsky et al. 2019) from MediaPipe's TFLite files: the flatbuffer's operators, one by one, as ONNX.

TFLite keeps pictures as (N, H, W, C), ONNX as (N, C, H, W): weights are transposed here, the heads' outputs in the graph.

ONNX Runtime computes on blocks of channels, and where a depthwise convolution's channels don't fill theirs, or are padded, it takes slower
code and reorders everything before and after. So every tensor between the pixels and the heads has whole blocks of channels here: the missing
ones are zeros, from weights that are zero. Where the network itself pads a shortcut's channels before it is added to a convolution, that is cut in
two: channels with a shortcut, and those without.
"""

import itertools

import numpy as np
import tflite
from graph import CHANNEL_BLOCK, Graph

OPERATOR = tflite.BuiltinOperator
OPERATOR_NAMES = {value: name for name, value in vars(OPERATOR).items() if isinstance(value, int)}
DTYPES = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.INT32: np.int32}


def convert_blazeface(name: str, file: bytes, metadata: dict[str, str]) -> bytes:
    """`pixels` (N, 3, S, S), RGB in -1..1, to `regressors` (N, anchors, 16) and `classificators` (N, anchors, 1), as the file has
    them: centre, size and six keypoints of a face from each anchor, in pixels of the input; and the logit of there being one."""
    return Converter(name, tflite.Model.GetRootAs(file, 0)).convert(metadata)


class Converter:
    def __init__(self, name: str, model: tflite.Model):
        self.model = model
        self.subgraph = model.Subgraphs(0)
        self.graph = Graph(name)
        self.names: dict[int, str] = {}
        # Half-precision weights are "dequantised" in these files: the wide tensor's index to the narrow one's.
        self.narrow: dict[int, int] = {}
        # Shortcuts whose channels are to be padded, still as they were; tensors in two parts, to be put together.
        self.shortcuts: dict[int, str] = {}
        self.parts: dict[int, list[str]] = {}

    def convert(self, metadata: dict[str, str]) -> bytes:
        [pixels] = self.subgraph.InputsAsNumpy().tolist()
        _, height, width, channels = self.shape(pixels)
        self.find_unblocked(pixels)
        self.find_split()
        self.names[pixels] = self.graph.input("pixels", "batch", channels, height, width)
        for operator in self.operators():
            self.operator(operator)
        outputs = self.subgraph.OutputsAsNumpy().tolist()
        for index, name in zip(outputs, ["regressors", "classificators"], strict=True):
            _, anchors, values = self.shape(index)
            self.graph.node("Identity", [self.names[index]], name)
            self.graph.output(name, "batch", anchors, values)
        return self.graph.bytes(metadata)

    def operators(self) -> list[tflite.Operator]:
        return [self.subgraph.Operators(i) for i in range(self.subgraph.OperatorsLength())]

    def code(self, operator: tflite.Operator) -> int:
        declared = self.model.OperatorCodes(operator.OpcodeIndex())
        return max(declared.BuiltinCode(), declared.DeprecatedBuiltinCode())

    def find_unblocked(self, pixels: int) -> None:
        """Tensors whose channels are what the file says: the pixels and what the heads give."""
        self.unblocked = {pixels} | {operator.Inputs(0) for operator in self.operators() if self.code(operator) == OPERATOR.RESHAPE}

    def find_split(self) -> None:
        """For each convolution that is added to a shortcut with fewer blocks of channels: in how many channels the shortcut is."""
        padded = {
            operator.Outputs(0): self.channels(operator.Inputs(0)) for operator in self.operators() if self.code(operator) == OPERATOR.PAD
        }
        self.split: dict[int, int] = {}
        for operator in self.operators():
            if self.code(operator) == OPERATOR.ADD:
                for one, other in itertools.permutations(operator.InputsAsNumpy().tolist()):
                    if one in padded and padded[one] < self.channels(one):
                        self.split[other] = padded[one]

    def channels(self, index: int) -> int:
        """How many channels a tensor has in the graph."""
        channels = self.shape(index)[3]
        return channels if index in self.unblocked else -(-channels // CHANNEL_BLOCK) * CHANNEL_BLOCK

    def operator(self, operator: tflite.Operator) -> None:
        code = self.code(operator)
        inputs, [output] = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
        if code == OPERATOR.DEQUANTIZE:
            self.narrow[output] = inputs[0]
            return
        builders = {
            OPERATOR.CONV_2D: self.convolution,
            OPERATOR.DEPTHWISE_CONV_2D: self.depthwise,
            OPERATOR.MAX_POOL_2D: self.max_pool,
            OPERATOR.RELU: self.relu,
            OPERATOR.ADD: self.add,
            OPERATOR.PAD: self.pad,
            OPERATOR.RESIZE_BILINEAR: self.resize,
            OPERATOR.RESHAPE: self.reshape,
            OPERATOR.CONCATENATION: self.concatenate,
        }
        if code not in builders:
            raise SystemExit(f"there is no conversion of the TFLite operator {OPERATOR_NAMES[code]}")
        builders[code](operator, inputs, output)

    def convolution(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.Conv2DOptions)
        # (out, height, width, in) to (out, in, height, width)
        weight = filled(self.values(inputs[1]).transpose(0, 3, 1, 2), self.channels(output), self.channels(inputs[0]))
        bias = filled(self.values(inputs[2]), self.channels(output))
        kept = self.split.get(output)
        if kept is None:
            self.names[output] = self.convolve(inputs[0], f"t{output}", weight, bias, options, group=1)
        else:
            both = [("kept", slice(None, kept)), ("new", slice(kept, None))]
            self.parts[output] = [
                self.convolve(inputs[0], f"t{output}.{name}", weight[part], bias[part], options, group=1) for name, part in both
            ]

    def depthwise(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.DepthwiseConv2DOptions)
        expect(options.DepthMultiplier() == 1, "a depth multiplier of 1")
        channels = self.channels(output)
        # (1, height, width, channels) to (channels, 1, height, width)
        weight = filled(self.values(inputs[1]).transpose(3, 0, 1, 2), channels)
        bias = filled(self.values(inputs[2]), channels)
        self.names[output] = self.convolve(inputs[0], f"t{output}", weight, bias, options, group=channels)

    def convolve(self, input: int, output: str, weight: np.ndarray, bias: np.ndarray, options, group: int) -> str:
        expect(options.DilationHFactor() == options.DilationWFactor() == 1, "no dilation")
        weights = [self.graph.constant(f"{output}.weight", weight), self.graph.constant(f"{output}.bias", bias)]
        shared = self.window(input, weight.shape[2:], options)
        return self.graph.node("Conv", [self.names[input], *weights], output, group=group, **shared)

    def max_pool(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.Pool2DOptions)
        window = self.window(inputs[0], (options.FilterHeight(), options.FilterWidth()), options)
        self.names[output] = self.graph.node("MaxPool", [self.names[inputs[0]]], f"t{output}", **window)

    def window(self, input: int, kernel: tuple[int, int], options) -> dict[str, list[int]]:
        """ONNX's attributes of a sliding window; TFLite's SAME puts the odd row or column of padding at the end."""
        expect(options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE, "no fused activation")
        strides = [options.StrideH(), options.StrideW()]
        begin, end = [], []
        for side, size, stride in zip(self.shape(input)[1:3], kernel, strides, strict=True):
            same = options.Padding() == tflite.Padding.SAME
            total = max((-(-side // stride) - 1) * stride + size - side, 0) if same else 0
            begin.append(total // 2)
            end.append(total - total // 2)
        return {"kernel_shape": list(kernel), "strides": strides, "pads": begin + end}

    def relu(self, _: tflite.Operator, inputs: list[int], output: int) -> None:
        parts = self.parts.get(inputs[0])
        if parts is None:
            self.names[output] = self.graph.node("Relu", [self.names[inputs[0]]], f"t{output}")
            return
        positive = [self.graph.node("Relu", [part], f"t{output}.{i}") for i, part in enumerate(parts)]
        self.names[output] = self.graph.node("Concat", positive, f"t{output}", axis=1)

    def add(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.AddOptions)
        expect(options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE, "no fused activation")
        split = next((i for i in inputs if i in self.parts), None)
        if split is None:
            self.names[output] = self.graph.node("Add", [self.names[i] for i in inputs], f"t{output}")
            return
        kept, new = self.parts[split]
        [shortcut] = [self.shortcuts[i] for i in inputs if i != split]
        self.parts[output] = [self.graph.node("Add", [shortcut, kept], f"t{output}"), new]

    def pad(self, _: tflite.Operator, inputs: list[int], output: int) -> None:
        """Zeros behind a shortcut's channels, which are there already or will not be added."""
        [n, h, w, c] = self.values(inputs[1]).tolist()
        expect(n == h == w == [0, 0] and c[0] == 0, "channels padded at their end")
        wider = self.channels(output) > self.channels(inputs[0])
        (self.shortcuts if wider else self.names)[output] = self.names[inputs[0]]

    def resize(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.ResizeBilinearOptions)
        expect(options.HalfPixelCenters() and not options.AlignCorners(), "half-pixel centres")
        scales = self.values(inputs[1]) / np.array(self.shape(inputs[0])[1:3])
        name = self.graph.constant(f"t{output}.scales", np.array([1, 1, *scales], np.float32))
        coordinates = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self.names[output] = self.graph.node("Resize", [self.names[inputs[0]], "", name], f"t{output}", **coordinates)

    def reshape(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        """(N, H, W, anchors a cell * values) to (N, anchors, values)."""
        _, anchors, values = self.shape(operator.Outputs(0))
        last = self.graph.node("Transpose", [self.names[inputs[0]]], f"t{output}.last", perm=[0, 2, 3, 1])
        shape = self.graph.constant(f"t{output}.shape", np.array([0, anchors, values], np.int64))
        self.names[output] = self.graph.node("Reshape", [last, shape], f"t{output}")

    def concatenate(self, operator: tflite.Operator, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.ConcatenationOptions)
        expect(options.Axis() == 1 and len(self.shape(inputs[0])) == 3, "concatenation of anchors")
        self.names[output] = self.graph.node("Concat", [self.names[i] for i in inputs], f"t{output}", axis=1)

    def options(self, operator: tflite.Operator, kind):
        table, options = operator.BuiltinOptions(), kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def shape(self, index: int) -> list[int]:
        return self.subgraph.Tensors(index).ShapeAsNumpy().tolist()

    def values(self, index: int) -> np.ndarray:
        index = self.narrow.get(index, index)
        tensor = self.subgraph.Tensors(index)
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(data, DTYPES[tensor.Type()]).reshape(self.shape(index))


def filled(values: np.ndarray, *sizes: int) -> np.ndarray:
    """With zeros at the end of the first axes, which come to have these sizes."""
    return np.pad(values, [(0, size - now) for size, now in zip(sizes, values.shape)] + [(0, 0)] * (values.ndim - len(sizes)))


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"the TFLite file is not as expected: {what}")
