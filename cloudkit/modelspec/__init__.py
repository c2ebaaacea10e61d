"""Model specs: YAML text -> a checked `Spec`. The only door to pydantic and yaml."""

from cloudkit.modelspec.bert import Activation, BertEncoder
from cloudkit.modelspec.dump import dump
from cloudkit.modelspec.heads import GeometryHead, Head, MaskedTokensHead, RegressionHead, ThermalHead
from cloudkit.modelspec.library import presets, template
from cloudkit.modelspec.loader import load_spec, parse_spec
from cloudkit.modelspec.models import Encoder, Folds, Run, Spec, Sweep, Tokens, TransformerEncoder
from cloudkit.modelspec.schema import json_schema
from cloudkit.modelspec.tables import (
    BuiltinData,
    Columns,
    Data,
    FileData,
    JointData,
    Target,
    tables_of,
    targets_of,
)
from cloudkit.modelspec.tasks import EvaluateTask, FinetuneTask, PretrainTask, Task, heads_of

__all__ = [
    "Activation",
    "BertEncoder",
    "BuiltinData",
    "Columns",
    "Data",
    "Encoder",
    "EvaluateTask",
    "FileData",
    "FinetuneTask",
    "Folds",
    "GeometryHead",
    "Head",
    "JointData",
    "MaskedTokensHead",
    "PretrainTask",
    "RegressionHead",
    "Run",
    "Spec",
    "Sweep",
    "Target",
    "Task",
    "ThermalHead",
    "Tokens",
    "TransformerEncoder",
    "dump",
    "heads_of",
    "json_schema",
    "load_spec",
    "parse_spec",
    "presets",
    "tables_of",
    "targets_of",
    "template",
]
