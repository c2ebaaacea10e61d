"""Stages of a build, named by the content of what they are made from.

The key of a stage is a hash of its part of the spec, the keys of the stages it reads, the content of its data files and
the code that makes it. A stage of the same key is never made twice.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import cloudkit
from cloudkit.data import file_hash

Kind = Literal["encode", "tokenize", "pretrain", "finetune", "evaluate", "report"]
Status = Literal["done", "reused", "planned"]

_MODEL: Final = (
    "models",
    "kernels",
    "tables",
    "data/batches.py",
    "train/fitting.py",
    "train/loop.py",
    "train/checkpoint.py",
    "train/devices.py",
    "train/precision.py",
    "train/sharding.py",
    "train/objectives.py",
    "train/start.py",
    "train/work.py",
    "property/leakage.py",
    "property/rows.py",
)
CODE: Final[dict[Kind, tuple[str, ...]]] = {  # what a stage is made by, besides the stages that it reads
    "encode": (
        "data",
        "property/rows.py",
        "train/source.py",
        "structure",
        "scope",
        "_native",
        "tables",
        "units.py",
    ),
    "tokenize": ("data", "tokens", "_native"),
    "pretrain": _MODEL,
    "finetune": (*_MODEL, "property/blend.py", "property/features.py"),
    "evaluate": ("property", "models/predict.py", "train/evaluate.py"),
    "report": ("train", "property"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a build. label: for people; task: its part of the spec; reads: the stages that it is made from."""

    kind: Kind
    label: str
    key: str
    task: Any = None
    reads: Mapping[str, "Stage"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}-{self.key}"


@dataclass(frozen=True, slots=True)
class StageResult:
    """What became of a stage; seconds: how long making it took, also if it was made by an earlier build."""

    stage: Stage
    folder: Path
    status: Status
    seconds: float


def make_key(kind: Kind, parts: object, reads: Mapping[str, Stage]) -> str:
    """12 hexadecimal digits from the spec's part (JSON), the keys of what is read, and the code."""
    content = [kind, parts, {name: stage.name for name, stage in reads.items()}, code_hash(CODE[kind])]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@cache
def code_hash(paths: tuple[str, ...]) -> str:
    """SHA-256 over the sources, page templates and compiled modules under some paths of the package."""
    root = Path(cloudkit.__file__).parent
    files = [
        file
        for path in paths
        for file in ([root / path] if (root / path).is_file() else (root / path).rglob("*"))
    ]
    kept = sorted(file for file in files if file.suffix in (".py", ".so", ".pyd", ".html", ".css"))
    return hashlib.sha256(
        "\n".join(f"{f.relative_to(root)} {file_hash(f)}" for f in kept).encode()
    ).hexdigest()
