"""A small builder of ONNX graphs: nodes are appended in order and name what they give."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Old enough for every runtime in use, new enough for all that these networks need.
OPSET, IR_VERSION = 17, 8
# Channels that ONNX Runtime's convolutions take at a time (8 where the processor has no AVX-512).
CHANNEL_BLOCK = 16


class Graph:
    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int | str) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, *shape: int | str) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, name: str, value: np.ndarray) -> str:
        """A constant. Half-precision weights stay so in the file; the runtime widens them once, when it loads it."""
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
            if value.dtype == np.float16:
                self.nodes.append(helper.make_node("Cast", [name], [f"{name}.wide"], to=TensorProto.FLOAT))
        return f"{name}.wide" if value.dtype == np.float16 else name

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def split(self, x: str, channels: dict[str, int]) -> None:
        """Cuts channels into parts, given by name and number."""
        sizes = self.constant(f"{x}.sizes", np.array(list(channels.values()), np.int64))
        self.nodes.append(helper.make_node("Split", [x, sizes], list(channels), name=f"{x}.split", axis=1))

    def bytes(self, metadata: dict[str, str]) -> bytes:
        """The model, checked, with its source and licence inside; the same bytes at every call."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="uafer", ir_version=IR_VERSION, opset_imports=opsets)
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
