"""The `tasks` of a spec, done in the order in which they stand: pretrain, finetune, evaluate."""

from typing import Annotated, Literal

from pydantic import Field

from cloudkit.modelspec.base import Count, HeadName, Part, Positive, Share
from cloudkit.modelspec.tables import Data

Baseline = Literal["mean", "ridge", "extra_trees", "boosted_trees"]
ALL_BASELINES: tuple[Baseline, ...] = ("mean", "ridge", "extra_trees", "boosted_trees")


class Training(Part):
    """What pretrain and finetune share."""

    kind: str
    head: HeadName | list[HeadName]
    data: Data = Field(description="the rows: {builtin: NAME, part: PART} or {path: FILE, columns: {...}}")
    exclude_shared: Literal["none", "string", "composition", "formula", "prototype"] = Field(
        default="none",
        description="leave out crystals that share this with a crystal of an evaluate task: the string, composition and space "
        "group, composition alone (formula), or space group and Wyckoff positions (prototype)",
    )
    split_by: Literal["random", "composition", "formula", "prototype"] = Field(
        default="random",
        description="crystals that share this are all trained on or all held out by `validation_fraction`",
    )
    batch: Count = Field(default=64, description="crystals per step and device")
    bucket_batches: Count = Field(
        default=1,
        description="batches drawn together and sorted by length, so that each has strings of similar length; 1: no sorting",
    )
    learning_rate: Positive = Field(
        default=1e-3, description="largest learning rate; it falls as a cosine to zero"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default=0.01, description="decoupled weight decay (AdamW)"
    )
    warmup: Share = Field(default=0.05, description="share of the steps over which the learning rate rises")
    max_grad_norm: Positive | None = Field(
        default=1.0, description="the gradient is clipped to this norm; null: not clipped"
    )
    ema_decay: Share = Field(
        default=0.99,
        description="decay per step of the moving average (EMA) of the weights, which is what is kept",
    )


class PretrainTask(Training):
    """Learns from strings and structures, with one head or several at once, whose losses are added."""

    kind: Literal["pretrain"] = Field(description="learn from strings or structures")
    head: HeadName | list[HeadName] = Field(
        description="name of a head in `heads`, or a list: masked_tokens reads strings, geometry structures, regression labels"
    )
    epochs: Count = Field(default=20, description="passes over the rows")
    validation_fraction: Share = Field(
        default=0.05, description="share of the crystals held out to watch the loss"
    )
    ema_decay: Share = Field(
        default=0.998,
        description="decay per step of the moving average (EMA) of the weights, which is what is kept",
    )


class Ensemble(Part):
    """Several models instead of one, for a regression head: their mean is what is predicted."""

    members: Count = Field(
        default=3,
        description="networks that are fine-tuned, from seeds run.seed, run.seed + 1 and so on",
    )
    blend: Literal["none", "extra_trees"] = Field(
        default="none",
        description="extra_trees: mixed with trees on composition and symmetry, in the share with the least error on the crystals "
        "that `validation_fraction` holds out",
    )


class FinetuneTask(Training):
    """Learns labels; needs a regression or thermal head and `data.targets`."""

    kind: Literal["finetune"] = Field(description="learn labels")
    head: HeadName = Field(description="name of the head, as in `heads`")
    epochs: Count = Field(default=100, description="passes over the rows")
    validation_fraction: Share = Field(
        default=0.1, description="share of the crystals held out to choose the best epoch; 0: the last"
    )
    loss: Literal["l1", "l2", "huber"] = Field(
        default="l1", description="absolute, squared or Huber error of the scaled label"
    )
    freeze: Annotated[int, Field(ge=0)] | Literal["encoder"] = Field(
        default=0,
        description="parts of the encoder that stay as they are, from below: the embedding, then its layers; encoder: all of it",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="factor of the learning rate from each layer to the one below; head and topmost layer have the whole rate",
    )
    patience: Count | None = Field(
        default=None,
        description="stop after so many epochs without a lower loss on the crystals that `validation_fraction` holds out; null: never",
    )
    ensemble: Ensemble | None = Field(
        default=None, description="several models whose mean is predicted; null: one"
    )


class EvaluateTask(Part):
    """Measures a fine-tuned head on rows that it has not seen, beside baselines."""

    kind: Literal["evaluate"] = Field(description="measure errors")
    head: HeadName = Field(description="name of a head that a finetune task before this one has trained")
    data: Data = Field(description="rows with targets that training has not seen")
    baselines: list[Baseline] = Field(
        default=list(ALL_BASELINES), description="models trained on the rows of the finetune task"
    )


def heads_of(task: "Task") -> tuple[str, ...]:
    """The heads that a task trains or measures; several where a pretrain task mixes them."""
    return (task.head,) if isinstance(task.head, str) else tuple(task.head)


Task = Annotated[PretrainTask | FinetuneTask | EvaluateTask, Field(discriminator="kind")]
