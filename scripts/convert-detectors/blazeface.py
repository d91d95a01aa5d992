"""BlazeFace (Bazarevsky et al. 2019) from MediaPipe's TFLite files: the flatbuffer's operators, one by one, as ONNX.

TFLite keeps pictures as (N, H, W, C), ONNX as (N, C, H, W): weights are transposed here, the heads' outputs in the graph.
"""

import numpy as np
import tflite
from graph import Graph

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

    def convert(self, metadata: dict[str, str]) -> bytes:
        [pixels] = self.subgraph.InputsAsNumpy().tolist()
        _, height, width, channels = self.shape(pixels)
        self.names[pixels] = self.graph.input("pixels", "batch", channels, height, width)
        for i in range(self.subgraph.OperatorsLength()):
            self.operator(self.subgraph.Operators(i))
        outputs = self.subgraph.OutputsAsNumpy().tolist()
        for index, name in zip(outputs, ["regressors", "classificators"], strict=True):
            _, anchors, values = self.shape(index)
            self.graph.node("Identity", [self.names[index]], name)
            self.graph.output(name, "batch", anchors, values)
        return self.graph.bytes(metadata)

    def operator(self, operator: tflite.Operator) -> None:
        declared = self.model.OperatorCodes(operator.OpcodeIndex())
        code = max(declared.BuiltinCode(), declared.DeprecatedBuiltinCode())
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
        self.names[output] = builders[code](operator, inputs, f"t{output}")

    def convolution(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.Conv2DOptions)
        # (out, height, width, in) to (out, in, height, width)
        weight = self.values(inputs[1]).transpose(0, 3, 1, 2)
        return self.convolve(inputs, output, weight, options, group=1)

    def depthwise(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.DepthwiseConv2DOptions)
        expect(options.DepthMultiplier() == 1, "a depth multiplier of 1")
        # (1, height, width, channels) to (channels, 1, height, width)
        weight = self.values(inputs[1]).transpose(3, 0, 1, 2)
        return self.convolve(inputs, output, weight, options, group=len(weight))

    def convolve(self, inputs: list[int], output: str, weight: np.ndarray, options, group: int) -> str:
        expect(options.DilationHFactor() == options.DilationWFactor() == 1, "no dilation")
        weights = [self.graph.constant(f"{output}.weight", weight), self.graph.constant(f"{output}.bias", self.values(inputs[2]))]
        shared = self.window(inputs[0], weight.shape[2:], options)
        return self.graph.node("Conv", [self.names[inputs[0]], *weights], output, group=group, **shared)

    def max_pool(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.Pool2DOptions)
        window = self.window(inputs[0], (options.FilterHeight(), options.FilterWidth()), options)
        return self.graph.node("MaxPool", [self.names[inputs[0]]], output, **window)

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

    def relu(self, _: tflite.Operator, inputs: list[int], output: str) -> str:
        return self.graph.node("Relu", [self.names[inputs[0]]], output)

    def add(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.AddOptions)
        expect(options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE, "no fused activation")
        return self.graph.node("Add", [self.names[i] for i in inputs], output)

    def pad(self, _: tflite.Operator, inputs: list[int], output: str) -> str:
        """Zeros before and after each axis, axes in TFLite's order."""
        [n, h, w, c] = self.values(inputs[1]).astype(np.int64)
        pads = self.graph.constant(f"{output}.pads", np.stack([n, c, h, w], axis=1).reshape(-1))
        return self.graph.node("Pad", [self.names[inputs[0]], pads], output)

    def resize(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.ResizeBilinearOptions)
        expect(options.HalfPixelCenters() and not options.AlignCorners(), "half-pixel centres")
        scales = self.values(inputs[1]) / np.array(self.shape(inputs[0])[1:3])
        name = self.graph.constant(f"{output}.scales", np.array([1, 1, *scales], np.float32))
        coordinates = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.graph.node("Resize", [self.names[inputs[0]], "", name], output, **coordinates)

    def reshape(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        """(N, H, W, anchors a cell * values) to (N, anchors, values)."""
        _, anchors, values = self.shape(operator.Outputs(0))
        last = self.graph.node("Transpose", [self.names[inputs[0]]], f"{output}.last", perm=[0, 2, 3, 1])
        shape = self.graph.constant(f"{output}.shape", np.array([0, anchors, values], np.int64))
        return self.graph.node("Reshape", [last, shape], output)

    def concatenate(self, operator: tflite.Operator, inputs: list[int], output: str) -> str:
        options = self.options(operator, tflite.ConcatenationOptions)
        expect(options.Axis() == 1 and len(self.shape(inputs[0])) == 3, "concatenation of anchors")
        return self.graph.node("Concat", [self.names[i] for i in inputs], output, axis=1)

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


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"the TFLite file is not as expected: {what}")
