"""Holds ONNX files to the standard: onnx.checker with shape inference. Prints the opset of each."""

import sys

import onnx

for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    print(onnx.load(path, load_external_data=False).opset_import[0].version)
