"""facex and fer of PyPI for peers.js. Usage: python3 peers.py LIST SITE facex|fer; {"found"} a line.

Both want TensorFlow for its interpreter of TensorFlow Lite files alone, which is LiteRT today; what else they import of it is never called.
"""

import hashlib
import json
import sys
import types
import warnings
from pathlib import Path

LIST, SITE, NAME = sys.argv[1:]
sys.path.insert(0, SITE)
warnings.filterwarnings("ignore", message="pkg_resources")
# Their libraries speak on standard output, where answers go.
answers, sys.stdout = sys.stdout, sys.stderr

import cv2  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402


def stub(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


models = stub("tensorflow.keras.models", load_model=None)
stub("tensorflow", lite=types.SimpleNamespace(Interpreter=Interpreter), keras=stub("tensorflow.keras", models=models))


def largest(faces, box):
    return max(faces, key=lambda face: box(face)[2] * box(face)[3], default=None)


def best(scores):
    return max(scores, key=scores.get)


def create_facex():
    from facex import EmotionClassifier

    path = Path(SITE) / "facex/assets/model_optimized.tflite"
    classifier = EmotionClassifier(str(path))

    def answer(picture, found):
        if not found:
            return best(classifier.detect_emotion(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)))
        face = largest(classifier.predict(picture), lambda face: face["bbox"])
        return face and best(face["emot"])

    return answer


def create_fer():
    from fer.fer import FER

    detector = FER()

    def answer(picture, found):
        height, width = picture.shape[:2]
        # Of the whole picture it makes a face with its usual margin of 10 pixels.
        faces = detector.detect_emotions(picture, None if found else [(0, 0, width, height)])
        face = largest(faces, lambda face: face["box"])
        return face and best(face["emotions"])

    return answer


def main():
    files = json.loads(Path(LIST).read_text())
    answer = {"facex": create_facex, "fer": create_fer}[NAME]()
    version = next(Path(SITE).glob(f"{NAME}-*.dist-info")).stem.removeprefix(f"{NAME}-").removesuffix(".dist-info")
    say({"versions": f"{NAME} {version}, LiteRT in TensorFlow's place, OpenCV {cv2.__version__}, Python {sys.version.split()[0]}"})
    for line in sys.stdin:
        found = json.loads(line)["found"]
        pixels, said = hashlib.sha256(), []
        for file in files:
            picture = cv2.imread(file, cv2.IMREAD_COLOR)
            pixels.update(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).tobytes())
            said.append(answer(picture, found))
        say({"answers": said, "pixels": pixels.hexdigest()})


def say(line):
    print(json.dumps(line), file=answers, flush=True)


main()
