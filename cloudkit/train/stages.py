"""Stages of a build, named by the content of what they are made from.

The key of a stage is a hash of its part of the spec, the keys of the stages it reads, the content of its data files and
the code that makes it. A stage of the same key is never made twice.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import cloudkit
from cloudkit.io import file_hash

Kind = Literal["encode", "tokenize", "pretrain", "finetune", "evaluate", "report"]
Status = Literal["done", "reused", "planned"]

_MODEL: Final = (
    "cloudkit.models",
    "cloudkit.kernels",
    "cloudkit.tables",
    "cloudkit.data.batches",
    "cloudkit.train.fitting",
    "cloudkit.train.loop",
    "cloudkit.train.checkpoint",
    "cloudkit.train.devices",
    "cloudkit.train.precision",
    "cloudkit.train.sharding",
    "cloudkit.train.objectives",
    "cloudkit.train.start",
    "cloudkit.train.work",
    "cloudkit.evaluate.leakage",
    "cloudkit.evaluate.task_data",
)
CODE: Final[
    dict[Kind, tuple[str, ...]]
] = {  # the modules that make a stage, besides the stages that it reads
    "encode": (
        "cloudkit.data",
        "cloudkit.evaluate.task_data",
        "cloudkit.train.source",
        "cloudkit.io",
        "cloudkit.structure",
        "cloudkit.scope",
        "cloudkit._native",
        "cloudkit.tables",
        "cloudkit.units",
    ),
    "tokenize": ("cloudkit.data", "cloudkit.tokens", "cloudkit._native"),
    "pretrain": _MODEL,
    "finetune": (*_MODEL, "cloudkit.predict.ensembles", "cloudkit.predict.features"),
    "evaluate": (
        "cloudkit.predict",
        "cloudkit.evaluate",
        "cloudkit.models.predict",
        "cloudkit.train.evaluate",
    ),
    "report": ("cloudkit.train", "cloudkit.report", "cloudkit.evaluate", "cloudkit.predict"),
}
HASHED: Final = (".py", ".so", ".pyd", ".html", ".css")


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
def code_hash(modules: tuple[str, ...]) -> str:
    """SHA-256 over the files of some modules; of a package all sources, templates and compiled modules below it.

    Raises ModuleNotFoundError for a name that Python cannot import: a moved module must not leave the keys silently.
    """
    root = Path(cloudkit.__file__).parent
    files = sorted({file for module in modules for file in module_files(module)})
    return hashlib.sha256(
        "\n".join(f"{file.relative_to(root).as_posix()} {file_hash(file)}" for file in files).encode()
    ).hexdigest()


def module_files(name: str) -> list[Path]:
    """The file of a module, or the files of a package; raises ModuleNotFoundError for a name that cannot be imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"no module named '{name}'; the list of what makes a stage names it", name=name
        )
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [origin]
    return [file for file in origin.parent.rglob("*") if file.suffix in HASHED]
