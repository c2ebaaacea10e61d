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
    head: HeadName = Field(description="name of the head, as in `heads`")
    data: Data = Field(description="the rows: {builtin: NAME, part: PART} or {path: FILE, columns: {...}}")
    batch: Count = Field(default=64, description="crystals per step")
    learning_rate: Positive = Field(
        default=1e-3, description="largest learning rate; it falls as a cosine to zero"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default=0.01, description="decoupled weight decay (AdamW)"
    )
    warmup: Share = Field(default=0.05, description="share of the steps over which the learning rate rises")
    clip: Positive | None = Field(default=1.0, description="largest norm of the gradient; null: not clipped")


class PretrainTask(Training):
    """Learns from strings without labels; needs a masked_tokens head."""

    kind: Literal["pretrain"] = Field(description="learn from strings without labels")
    epochs: Count = Field(default=20, description="passes over the rows")
    valid: Share = Field(default=0.05, description="share of the crystals held out to watch the loss")


class FinetuneTask(Training):
    """Learns labels; needs a regression or thermal head and `data.targets`."""

    kind: Literal["finetune"] = Field(description="learn labels")
    epochs: Count = Field(default=100, description="passes over the rows")
    valid: Share = Field(
        default=0.1, description="share of the crystals held out to choose the best epoch; 0: the last"
    )
    loss: Literal["l1", "l2", "huber"] = Field(
        default="l1", description="absolute, squared or Huber error of the scaled label"
    )


class EvaluateTask(Part):
    """Measures a fine-tuned head on rows that it has not seen, beside baselines."""

    kind: Literal["evaluate"] = Field(description="measure errors")
    head: HeadName = Field(description="name of a head that a finetune task before this one has trained")
    data: Data = Field(description="rows with targets that training has not seen")
    baselines: list[Baseline] = Field(
        default=list(ALL_BASELINES), description="models trained on the rows of the finetune task"
    )


Task = Annotated[PretrainTask | FinetuneTask | EvaluateTask, Field(discriminator="kind")]
