"""The spec file as pydantic models: keys, types, defaults and their explanations, in one place.

Schema, error messages and templates are made from these. Rules that join several keys are in `rules.py`.
The parts: `heads.py`, `tasks.py`, `tables.py` (data and targets); here the rest and the whole.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from cloudkit.modelspec.base import Count, HeadName, Part, Share, Text
from cloudkit.modelspec.bert import Activation, BertEncoder
from cloudkit.modelspec.heads import Head
from cloudkit.modelspec.sizes import Size
from cloudkit.modelspec.tasks import Task


class Tokens(Part):
    """How crystals become token ids."""

    dialect: Literal["orbit", "reduced", "full"] = Field(
        default="orbit", description="SCOPE dialect that the model reads"
    )
    vocabulary: Literal["compact", "cloud"] = Field(
        default="compact", description="compact: one token per symbol; cloud: the published 564 tokens"
    )
    max_length: Annotated[int, Field(ge=4, le=8192)] = Field(
        default=64,
        description="most tokens per string; a longer one is an error that names the row, never cut",
    )


class TransformerEncoder(Part):
    """A pre-norm transformer over the tokens of one crystal."""

    kind: Literal["transformer"] = Field(description="kind of encoder")
    size: Size | None = Field(
        default=None,
        description="tiny, small, base or large: stands for layers, heads, width and feedforward, unless they are given too",
    )
    layers: Count = Field(default=4, description="number of transformer layers")
    heads: Count = Field(default=4, description="attention heads per layer; must divide width")
    width: Count = Field(default=256, description="size of a token's vector")
    dropout: Share = Field(default=0.1, description="share of values dropped while training")
    feedforward: Count | None = Field(
        default=None, description="width of the feed-forward layer; null: 4 times width"
    )
    norm: Literal["layer", "rms"] = Field(
        default="layer",
        description="normalization before each part of a layer: LayerNorm, or RMSNorm (Zhang 2019)",
    )
    gated: bool = Field(
        default=True,
        description="feed-forward layers multiply by a gate (Shazeer 2020); false: two plain maps",
    )
    activation: Activation = Field(
        default="silu", description="of the gate, or between the two maps: silu, gelu, gelu_tanh or relu"
    )
    positions: Literal["none", "learned", "rotary"] | None = Field(
        default=None,
        description="what is known of the order of tokens: nothing, since orbits are a set; learned vectors of places; rotary "
        "(Su 2021); null: none for compact, learned for cloud",
    )
    features: bool = Field(
        default=True,
        description="add linear maps of what is known about elements, orbits and groups; for compact",
    )
    merge: bool = Field(
        default=False,
        description="one vector per orbit (element, site and share together), equal orbits as one with their count; "
        "false: one per symbol; for compact",
    )
    pooling: Literal["cls", "mean", "cls_mean", "attention"] = Field(
        default="cls_mean",
        description="what heads read: the first token, the mean of the others, both, or both and a mean by learned attention",
    )


Encoder = Annotated[TransformerEncoder | BertEncoder, Field(discriminator="kind")]


class Run(Part):
    """Where and how the build runs."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=0, description="seed of everything random")
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed", "64-true"] = Field(
        default="auto",
        description="as Lightning names it; auto: 32-true on a CPU, bf16-mixed on a GPU that has it",
    )
    devices: Literal["auto"] | Count = Field(
        default="auto",
        description="devices per node, one process each; auto: as torchrun or SLURM has started",
    )
    nodes: Count = Field(default=1, description="machines, as started by torchrun or SLURM")
    strategy: Literal["auto", "ddp", "fsdp"] = Field(
        default="auto",
        description="of several processes; ddp, as auto: whole weights on each device; fsdp: a part of them on each",
    )
    accelerator: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="kind of device")
    checkpoint: Annotated[float, Field(ge=0)] = Field(
        default=300.0, description="seconds of training after which a checkpoint is due; 0: at each step"
    )


class Sweep(Part):
    """The spec at every point of a grid, for `cloudkit sweep`."""

    grid: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        min_length=1,
        description="key, as in --set, -> its values: {encoder.width: [32, 64], tasks.0.data.fraction: [0.5, 1.0]}",
    )


class Folds(Part):
    """Parts of a file that take turns as test rows: scikit-learn's KFold(count, shuffle=True, random_state=seed)."""

    count: Annotated[int, Field(ge=2)] = Field(default=5, description="number of folds")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=18012019, description="random_state of KFold; the default is that of Matbench"
    )
    fold: Annotated[int, Field(ge=0)] = Field(
        default=0, description="the fold whose rows are `part: test`, counted from 0"
    )


class Spec(Part):
    """A model and what is done with it."""

    cloudkit: Annotated[int, Field(ge=1, le=1)] = Field(description="version of the spec format")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = Field(
        description="name of the model; `build` writes to runs/<name>"
    )
    tokens: Tokens = Field(default=Tokens(), description="how crystals become token ids")
    init_from: Text | None = Field(
        default=None,
        description="model to start from: a folder that `build` wrote, or the name of a shipped model; same tokens and encoder",
    )
    encoder: Encoder = Field(description="the trunk that all heads share")
    heads: dict[HeadName, Head] = Field(min_length=1, description="name -> what is predicted")
    tasks: list[Task] = Field(
        description="what is done, in order; none for a model that was converted from elsewhere"
    )
    run: Run = Field(default=Run(), description="where and how the build runs")
    folds: Folds | None = Field(
        default=None, description="how files are divided into parts, for tables with `part: train` or `test`"
    )
    sweep: Sweep | None = Field(
        default=None, description="grid of settings that `cloudkit sweep` builds; `build` passes over it"
    )
