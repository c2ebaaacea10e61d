"""The spec file as pydantic models: every key with its type, default and description, in one place.

The JSON Schema, error messages and templates are made from these. Rules that involve several keys are in rules.py.
"""

import copy
import functools
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.json_schema import GenerateJsonSchema

Share = Annotated[float, Field(ge=0, lt=1)]

Positive = Annotated[float, Field(gt=0)]

Count = Annotated[int, Field(ge=1)]

Text = Annotated[str, Field(min_length=1)]

HeadName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]


class Part(BaseModel):
    """Base of every mapping in a spec."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Size = Literal["tiny", "small", "base", "large"]

SIZES: Final[dict[str, dict[str, int]]] = {
    "tiny": {"layers": 2, "heads": 4, "width": 32, "feedforward": 64},
    "small": {"layers": 3, "heads": 4, "width": 96, "feedforward": 192},
    "base": {"layers": 6, "heads": 8, "width": 256, "feedforward": 512},
    "large": {"layers": 12, "heads": 12, "width": 768, "feedforward": 2048},
}


Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]


class BertEncoder(Part):
    """The published post-norm transformer (Devlin 2018), parameter for parameter; defaults are the published values.

    Examples
    --------
    >>> BertEncoder(kind="bert").width
    768
    """

    kind: Literal["bert"] = Field(description="kind of encoder")
    layers: Count = Field(default=12, description="number of transformer layers")
    heads: Count = Field(default=12, description="attention heads per layer; must divide width")
    width: Count = Field(default=768, description="size of a token's vector")
    feedforward: Count | None = Field(
        default=None, description="width of the feed-forward layer; null: 4 times width"
    )
    activation: Activation = Field(
        default="gelu", description="activation of the feed-forward layers and of the masked_tokens head"
    )
    dropout: Share = Field(default=0.1, description="dropout rate")
    attention_dropout: Share = Field(default=0.1, description="dropout rate of attention weights")
    norm_eps: Positive = Field(default=1e-12, description="added to the variance in layer normalization")
    positions: Count | None = Field(
        default=None, description="learned positions; null: as many as tokens.max_length"
    )
    token_types: Count = Field(
        default=2, description="size of the token-type embedding; strings use its first row"
    )
    padding_row: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="padding_idx of the token embedding, a row that is never trained; null: none",
    )
    pooling: Literal["cls", "mean", "cls_mean"] = Field(
        default="cls", description="input of the heads: the first token, the mean of all tokens, or both"
    )


ThermalQuantity = Literal[
    "heat_capacity",
    "internal_energy",
    "entropy",
    "free_energy",
    "heat_capacity_p",
    "enthalpy_increment",
    "debye_temperature",
    "highest_frequency",
    "phonon_density",
]

THERMAL_QUANTITIES: tuple[ThermalQuantity, ...] = (
    "heat_capacity",
    "internal_energy",
    "entropy",
    "free_energy",
)

ModeKind = Literal["debye", "einstein", "debye_einstein", "spectrum"]


class MaskedTokensHead(Part):
    """Predicts masked tokens from the rest of the string; for pretraining.

    Examples
    --------
    >>> MaskedTokensHead(kind="masked_tokens").mask
    0.15
    """

    kind: Literal["masked_tokens"] = Field(description="masked tokens are predicted from the others")
    mask: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="fraction of the tokens (or orbits) of a string that is masked"
    )
    hide: Literal["tokens", "orbits"] = Field(
        default="tokens", description="what is masked together: single tokens, or an element with its site"
    )
    tied: bool = Field(
        default=False,
        description="tie the output weights to the token embedding; false: separate weights",
    )


GeometryTarget = Literal[
    "log_nearest_distance",
    "log_coordination",
    "neighbour_electronegativity",
    "log_neighbour_mass",
    "like_neighbours",
    "log_inverse_reduced_mass",
    "log_volume_per_atom",
    "log_shortest_distance",
    "stiffness",
]

ALL_GEOMETRY: tuple[GeometryTarget, ...] = get_args(GeometryTarget)


class GeometryHead(Part):
    """Predicts the geometry of a structure from its string; for pretraining on structures.

    Examples
    --------
    >>> GeometryHead(kind="geometry", targets=["log_volume_per_atom"]).targets
    ['log_volume_per_atom']
    """

    kind: Literal["geometry"] = Field(
        description="geometry of the structure, predicted from its string; for pretraining"
    )
    targets: list[GeometryTarget] = Field(
        default=list(ALL_GEOMETRY),
        min_length=1,
        description="targets: the first six describe each orbit, the last three the crystal",
    )
    hidden: Count | None = Field(
        default=None, description="width of the hidden layer; null: the width of the encoder"
    )


class RegressionHead(Part):
    """Predicts numbers directly, one per output.

    Examples
    --------
    >>> RegressionHead(kind="regression", outputs=["bulk_modulus"], transform="log").outputs
    ['bulk_modulus']
    """

    kind: Literal["regression"] = Field(description="numbers predicted directly, without a physical model")
    outputs: list[Text] = Field(
        min_length=1, description="names of the predicted quantities; targets refer to them"
    )
    hidden: Count | None = Field(
        default=None, description="width of the hidden layer; null: the width of the encoder"
    )
    transform: Literal["none", "log", "sqrt"] = Field(
        default="none", description="scale on which labels are learned; log and sqrt need positive labels"
    )
    dropout: Share = Field(default=0.1, description="dropout rate of the head's inputs")


ClassMetric = Literal["roc_auc", "balanced_accuracy", "f1", "accuracy", "log_loss", "brier"]

MAX_CLASSES: Final = 100


class ClassificationHead(Part):
    """Predicts the class of a crystal, one of two or more, with a probability for each.

    Examples
    --------
    >>> ClassificationHead(kind="classification", output="is_metal", classes=["no", "yes"]).threshold
    'none'
    """

    kind: Literal["classification"] = Field(description="two or more classes, with probabilities")
    output: Text = Field(description="name of what is classified; targets refer to it")
    classes: list[Text] = Field(
        min_length=2,
        max_length=MAX_CLASSES,
        description="names of the classes, as in the labels; put integers and booleans in quotes: ['0', '1'], ['false', 'true']",
    )
    positive: Text | None = Field(
        default=None,
        description="with two classes, the class that threshold, F1 and ROC refer to; null: the last one",
    )
    class_weights: Literal["none", "balanced"] | dict[str, Positive] = Field(
        default="none",
        description="weight of each class in the loss; balanced: all classes have the same total weight; or a weight for each: "
        "{insulator: 1, metal: 2}",
    )
    threshold: Literal["none", "balanced_accuracy", "f1", "accuracy"] = Field(
        default="none",
        description="with two classes: predict the positive class from the probability up that maximizes this metric on held-out crystals "
        "(balanced_accuracy: equivalent to Youden's index); none: 0.5. With more than two classes the most probable one is predicted",
    )
    hidden: Count | None = Field(
        default=None, description="width of the hidden layer; null: the width of the encoder"
    )
    dropout: Share = Field(default=0.1, description="dropout rate of the head's inputs")


class ThermalHead(Part):
    """Predicts vibrational modes; all thermodynamic quantities at any temperature follow from them.

    Examples
    --------
    >>> ThermalHead(kind="thermal", modes="spectrum").outputs
    ['heat_capacity', 'internal_energy', 'entropy', 'free_energy']
    """

    kind: Literal["thermal"] = Field(description="vibrational modes, which determine all thermal quantities")
    modes: ModeKind = Field(
        default="debye",
        description="form of the phonon spectrum; debye: one Debye temperature; einstein: three frequencies; debye_einstein: "
        "a Debye part and two frequencies; spectrum: a density of states on a frequency grid",
    )
    outputs: list[ThermalQuantity] = Field(
        default=list(THERMAL_QUANTITIES), min_length=1, description="quantities that targets may refer to"
    )
    dropout: Share = Field(default=0.1, description="dropout rate of the head's inputs")
    tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.05, description="fraction by which a label of heat_capacity may exceed 3R per atom"
    )
    cp_minus_cv: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="A in Cp = Cv + A Cv² T, per mole of atoms, mol/J; needed for heat_capacity_p; 5e-6 is usual",
    )


Head = Annotated[
    MaskedTokensHead | GeometryHead | RegressionHead | ClassificationHead | ThermalHead,
    Field(discriminator="kind"),
]


class Target(Part):
    """One column of labels.

    Examples
    --------
    >>> Target(column="cv", quantity="heat_capacity", temperature=300.0, unit="J/mol_cell/K").missing
    'error'
    """

    column: Text = Field(description="column of the label")
    quantity: Text = Field(description="what the label is: one of the outputs of the task's head")
    temperature: Annotated[float, Field(ge=0)] | Text | None = Field(
        default=None,
        description="temperature of the label: a number in K or the name of a column; for thermal heads",
    )
    frequency: Annotated[float, Field(ge=0)] | Text | None = Field(
        default=None, description="frequency of a label of phonon_density: a number or the name of a column"
    )
    frequency_unit: Literal["K", "THz", "1/cm", "cm-1", "meV", "eV", "J"] = Field(
        default="THz", description="unit of `frequency`"
    )
    unit: str = Field(
        default="",
        description="unit of the label, such as J/mol_cell/K; needed for thermal quantities, a note for others",
    )
    cuts: list[float] = Field(
        default=[],
        description="turns numbers into classes, for a classification head: numbers up to and including the first cut are the first "
        "class, numbers above it the second, and so on; ascending, one fewer than the classes",
    )
    missing: Literal["error", "skip"] = Field(
        default="error", description="rows without this label: raise an error, or skip the label"
    )
    weight: Positive = Field(default=1.0, description="weight of these labels in the loss")


class Columns(Part):
    """Names of the columns of a table, except labels.

    Examples
    --------
    >>> Columns(text="string").n_atoms
    'n_atoms'
    """

    text: Text = Field(default="scope", description="column of SCOPE strings")
    n_atoms: Text | None = Field(
        default="n_atoms",
        description="column with the atoms per cell or formula unit; needed if a label's unit is not per atom",
    )
    id: Text | None = Field(
        default=None,
        description="column of row ids; null: id, material_id or name if present, otherwise the row number",
    )
    source: Text | None = Field(
        default=None, description="column with the source of each row's labels; see `source`"
    )
    structure: Text | None = Field(
        default=None,
        description="column of structures (CIF text, JSON, file names) to encode, instead of `text`",
    )


class BuiltinData(Part):
    """A table that ships with cloudkit.

    Examples
    --------
    >>> BuiltinData(builtin="thermal", part="train").fraction
    1.0
    """

    builtin: Literal["thermal", "minerals", "prototypes", "phonons"] = Field(description="name of the table")
    part: Literal["train", "test", "all"] = Field(
        default="all", description="train, test or all; only thermal has a train/test split"
    )
    where: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={},
        description="keep only rows with one of these values: {temperature: [298.15], functional: [PBE, PBEsol]}",
    )
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="fraction of the crystals to use; smaller fractions are subsets of larger ones",
    )
    source: str = Field(
        default="",
        description="source of the labels, such as experiment or PBE. A finetune task predicts its first source; every other "
        "source has a learned offset, which predictions leave out; empty for phonons: one source per potential",
    )
    targets: list[Target] = Field(default=[], description="labels; not for pretrain")


class FileData(Part):
    """A table of the user: .csv, .jsonl or .parquet, gzipped or not, or .json as matminer writes it.

    Examples
    --------
    >>> FileData(path="labels.csv").columns.text
    'scope'
    """

    path: Text = Field(description="the file, relative to the folder of the spec")
    part: Literal["train", "test", "all"] = Field(
        default="all", description="train or test rows of the fold in `folds`, or all rows"
    )
    columns: Columns = Field(default=Columns(), description="names of the columns")
    where: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={},
        description="keep only rows with one of these values: {temperature: [298.15], functional: [PBE, PBEsol]}",
    )
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="fraction of the crystals to use; smaller fractions are subsets of larger ones",
    )
    source: str = Field(
        default="",
        description="source of the labels, such as experiment or PBE. A finetune task predicts its first source; every other "
        "source has a learned offset, which predictions leave out",
    )
    targets: list[Target] = Field(default=[], description="labels; not for pretrain")


def _source(value: object) -> str:
    """Return the tag of the union member that a `data` mapping is."""
    if "join" in value if isinstance(value, Mapping) else isinstance(value, JointData):
        return "<joint>"
    builtin = "builtin" in value if isinstance(value, Mapping) else isinstance(value, BuiltinData)
    return "<builtin>" if builtin else "<file>"


Table = Annotated[
    Annotated[BuiltinData, Tag("<builtin>")] | Annotated[FileData, Tag("<file>")], Discriminator(_source)
]


class JointData(Part):
    """Several tables whose labels are learned together; a string in two of them is one crystal.

    Examples
    --------
    >>> len(JointData(join=[BuiltinData(builtin="thermal"), FileData(path="labels.csv")]).join)
    2
    """

    join: list[Table] = Field(min_length=1, description="the tables, each with its own targets")


Data = Annotated[
    Annotated[BuiltinData, Tag("<builtin>")]
    | Annotated[FileData, Tag("<file>")]
    | Annotated[JointData, Tag("<joint>")],
    Discriminator(_source),
]


def tables_of(data: Data) -> tuple[BuiltinData | FileData, ...]:
    """Return the tables of a task.

    Parameters
    ----------
    data
        Key `data` of the task.

    Returns
    -------
    tuple of BuiltinData or FileData
        Several for `JointData`.

    Examples
    --------
    >>> [table.path for table in tables_of(FileData(path="labels.csv"))]
    ['labels.csv']
    """
    return tuple(data.join) if isinstance(data, JointData) else (data,)


def targets_of(data: Data) -> list[Target]:
    """Return the targets of a task, of all its tables.

    Parameters
    ----------
    data
        Key `data` of the task.

    Returns
    -------
    list of Target
        By table.

    Examples
    --------
    >>> data = FileData(path="labels.csv", targets=[Target(column="gap", quantity="band_gap")])
    >>> [target.column for target in targets_of(data)]
    ['gap']
    """
    return [target for table in tables_of(data) for target in table.targets]


Baseline = Literal["mean", "ridge", "extra_trees", "boosted_trees"]

ALL_BASELINES: tuple[Baseline, ...] = ("mean", "ridge", "extra_trees", "boosted_trees")


class Training(Part):
    """Keys that pretrain and finetune tasks share."""

    kind: str
    head: HeadName | list[HeadName]
    data: Data = Field(description="the rows: {builtin: NAME, part: PART} or {path: FILE, columns: {...}}")
    exclude_shared: Literal["none", "string", "composition", "formula", "prototype"] = Field(
        default="none",
        description="exclude crystals that share this with a crystal of an evaluate task: the string, composition and space "
        "group, composition alone (formula), or space group and Wyckoff positions (prototype)",
    )
    exclude_from: list[Table] = Field(
        default=[],
        description="further tables that `exclude_shared` treats like those of an evaluate task",
    )
    split_by: Literal["random", "composition", "formula", "prototype"] = Field(
        default="random",
        description="crystals that share this stay together when `validation_fraction` holds some out",
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
    warmup: Share = Field(
        default=0.05, description="fraction of the steps in which the learning rate warms up"
    )
    max_grad_norm: Positive | None = Field(
        default=1.0, description="the gradient is clipped to this norm; null: not clipped"
    )
    ema_decay: Share = Field(
        default=0.99,
        description="decay per step of the moving average (EMA) of the weights, which is what is kept",
    )


class PretrainTask(Training):
    """Learns from strings and structures, with one head or several at once, whose losses are added.

    Examples
    --------
    >>> PretrainTask(kind="pretrain", head="tokens", data=BuiltinData(builtin="minerals")).epochs
    20
    """

    kind: Literal["pretrain"] = Field(description="learn from strings or structures")
    head: HeadName | list[HeadName] = Field(
        description="name of a head in `heads`, or a list: masked_tokens learns from strings, geometry from structures, regression from labels"
    )
    epochs: Count = Field(default=20, description="passes over the rows")
    validation_fraction: Share = Field(
        default=0.05, description="fraction of the crystals held out for the validation loss"
    )
    ema_decay: Share = Field(
        default=0.998,
        description="decay per step of the moving average (EMA) of the weights, which is what is kept",
    )


class Ensemble(Part):
    """Several models, for a regression or classification head, whose values or probabilities are averaged."""

    members: Count = Field(
        default=3,
        description="networks that are fine-tuned, from seeds run.seed, run.seed + 1 and so on",
    )
    blend: Literal["none", "extra_trees", "boosted_trees"] = Field(
        default="none",
        description="average with trees on composition and symmetry; extra_trees also read the geometry that `init_from` predicts, if it is a geometry model; "
        "boosted_trees are for tables of more than ten thousand crystals; weighted for the smallest error (classes: log loss) on the crystals that `validation_fraction` holds out",
    )
    validation: Literal["same", "different"] = Field(
        default="same",
        description="crystals that each member holds out; different: each member holds out others, so every crystal trains most members, "
        "and intervals and the weight of the trees are fitted to more held-out crystals",
    )


class FinetuneTask(Training):
    """Learns labels; needs a regression, classification or thermal head and `data.targets`.

    Examples
    --------
    >>> FinetuneTask(kind="finetune", head="cv", data=BuiltinData(builtin="thermal")).loss
    'l1'
    """

    kind: Literal["finetune"] = Field(description="learn labels")
    head: HeadName = Field(description="name of the head, as in `heads`")
    epochs: Count = Field(default=100, description="passes over the rows")
    validation_fraction: Share = Field(
        default=0.1,
        description="fraction of the crystals held out to choose the best epoch; 0: the last epoch is kept",
    )
    loss: Literal["l1", "l2", "huber"] = Field(
        default="l1",
        description="absolute, squared or Huber error of the scaled label; classes are learned by cross-entropy",
    )
    freeze: Annotated[int, Field(ge=0)] | Literal["encoder"] = Field(
        default=0,
        description="parts of the encoder that are not trained, from below: the embedding, then its layers; encoder: all of it",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="factor of the learning rate from each layer to the one below; the head and the top layer have the full rate",
    )
    patience: Count | None = Field(
        default=None,
        description="stop after this many epochs without a lower validation loss; null: never",
    )
    ensemble: Ensemble | None = Field(default=None, description="several models, averaged; null: one model")


class EvaluateTask(Part):
    """Measures a fine-tuned head and baselines on rows that training has not seen.

    Examples
    --------
    >>> EvaluateTask(kind="evaluate", head="cv", data=BuiltinData(builtin="thermal", part="test")).baselines
    ['mean', 'ridge', 'extra_trees', 'boosted_trees']
    """

    kind: Literal["evaluate"] = Field(description="measure errors")
    head: HeadName = Field(description="name of a head that an earlier finetune task trains")
    data: Data = Field(description="rows with targets that are not in the training data")
    baselines: list[Baseline] = Field(
        default=list(ALL_BASELINES),
        description="models trained on the rows of the finetune task; with classes, mean is the majority class and ridge a logistic regression",
    )
    metric: Literal["mae", "rmse"] | ClassMetric | None = Field(
        default=None,
        description="metric that decides between model and baselines; null: mae, or roc_auc for classes",
    )


def heads_of(task: "Task") -> tuple[str, ...]:
    """Return the names of the heads that a task trains or measures.

    Parameters
    ----------
    task
        A task of any kind.

    Returns
    -------
    tuple of str
        Several only for a pretrain task.

    Examples
    --------
    >>> heads_of(PretrainTask(kind="pretrain", head=["tokens", "shape"], data=FileData(path="cells.parquet")))
    ('tokens', 'shape')
    """
    return (task.head,) if isinstance(task.head, str) else tuple(task.head)


Task = Annotated[PretrainTask | FinetuneTask | EvaluateTask, Field(discriminator="kind")]


class Tokens(Part):
    """How crystals become token ids.

    Examples
    --------
    >>> Tokens(dialect="reduced").max_length
    64
    """

    dialect: Literal["orbit", "reduced", "full"] = Field(
        default="orbit", description="SCOPE dialect that the model reads"
    )
    vocabulary: Literal["compact", "cloud"] = Field(
        default="compact", description="compact: one token per symbol; cloud: the published 564 tokens"
    )
    max_length: Annotated[int, Field(ge=4, le=8192)] = Field(
        default=64,
        description="largest number of tokens per string; longer strings are an error and never truncated",
    )


class TransformerEncoder(Part):
    """A pre-norm transformer over the tokens of one crystal.

    Examples
    --------
    >>> TransformerEncoder(kind="transformer", layers=2).width
    256
    """

    kind: Literal["transformer"] = Field(description="kind of encoder")
    size: Size | None = Field(
        default=None,
        description="tiny, small, base or large: sets layers, heads, width and feedforward where they are not given",
    )
    layers: Count = Field(default=4, description="number of transformer layers")
    heads: Count = Field(default=4, description="attention heads per layer; must divide width")
    width: Count = Field(default=256, description="size of a token's vector")
    dropout: Share = Field(default=0.1, description="dropout rate")
    feedforward: Count | None = Field(
        default=None, description="width of the feed-forward layer; null: 4 times width"
    )
    norm: Literal["layer", "rms"] = Field(
        default="layer",
        description="normalization before each part of a layer: LayerNorm, or RMSNorm (Zhang 2019)",
    )
    gated: bool = Field(
        default=True,
        description="gated feed-forward layers (Shazeer 2020); false: two linear layers",
    )
    activation: Activation = Field(
        default="silu", description="activation of the feed-forward layers: silu, gelu, gelu_tanh or relu"
    )
    positions: Literal["none", "learned", "rotary"] | None = Field(
        default=None,
        description="position encoding: none (orbits are a set), learned, or rotary (Su 2021); null: none for compact, learned for cloud",
    )
    features: bool = Field(
        default=True,
        description="add features of elements, orbits and space groups to the embeddings; compact vocabulary only",
    )
    merge: bool = Field(
        default=False,
        description="one vector per distinct orbit (element, site and occupancy together) with its count; "
        "false: one vector per symbol; compact vocabulary only",
    )
    pooling: Literal["cls", "mean", "cls_mean", "attention"] = Field(
        default="cls_mean",
        description="input of the heads: cls, the first token; mean, the mean of the others; both; or both and an attention-weighted mean",
    )


Encoder = Annotated[TransformerEncoder | BertEncoder, Field(discriminator="kind")]


class Run(Part):
    """Where and how the build runs.

    Examples
    --------
    >>> Run(seed=7).precision
    'auto'
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=0, description="random seed")
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed", "64-true"] = Field(
        default="auto",
        description="precision as Lightning names it; auto: bf16-mixed on a GPU that supports it, else 32-true",
    )
    devices: Literal["auto"] | Count = Field(
        default="auto",
        description="devices per node, one process each; auto: as started by torchrun or SLURM",
    )
    nodes: Count = Field(default=1, description="machines, as started by torchrun or SLURM")
    strategy: Literal["auto", "ddp", "fsdp"] = Field(
        default="auto",
        description="for several processes; auto and ddp: full weights on each device; fsdp: sharded weights",
    )
    accelerator: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="kind of device")
    checkpoint: Annotated[float, Field(ge=0)] = Field(
        default=300.0, description="seconds of training between checkpoints; 0: after each step"
    )


class Sweep(Part):
    """The spec at every point of a grid, for `cloudkit sweep`.

    Examples
    --------
    >>> Sweep(grid={"encoder.width": [32, 64]}).grid
    {'encoder.width': [32, 64]}
    """

    grid: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        min_length=1,
        description="keys, as in --set, and their values: {encoder.width: [32, 64], tasks.0.data.fraction: [0.5, 1.0]}",
    )


class Folds(Part):
    """Cross-validation folds of a file: scikit-learn's KFold(count, shuffle=True, random_state=seed).

    Examples
    --------
    >>> Folds(count=10).fold
    0
    """

    count: Annotated[int, Field(ge=2)] = Field(default=5, description="number of folds")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=18012019, description="random_state of KFold; the default is that of Matbench"
    )
    fold: Annotated[int, Field(ge=0)] = Field(
        default=0, description="the fold whose rows are `part: test`, counted from 0"
    )
    stratified: bool = Field(
        default=False,
        description="split as scikit-learn's StratifiedKFold, for a classification head: each fold has about the same share of each class",
    )


class Spec(Part):
    """A model, and the tasks that train and measure it.

    Examples
    --------
    >>> from cloudkit.modelspec import load_spec
    >>> spec = load_spec("thermal")
    >>> spec.encoder.kind, [task.kind for task in spec.tasks]
    ('transformer', ['finetune', 'evaluate'])
    """

    cloudkit: Annotated[int, Field(ge=1, le=1)] = Field(description="version of the spec format")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = Field(
        description="name of the model; `build` writes to runs/<name>"
    )
    tokens: Tokens = Field(default=Tokens(), description="how crystals become token ids")
    init_from: Text | None = Field(
        default=None,
        description="model to start from, with the same tokens and encoder: a folder written by `build`, or a shipped model",
    )
    encoder: Encoder = Field(description="the network that all heads share")
    heads: dict[HeadName, Head] = Field(min_length=1, description="heads by name")
    tasks: list[Task] = Field(description="steps of the build, in order; empty for a converted model")
    run: Run = Field(default=Run(), description="where and how the build runs")
    folds: Folds | None = Field(
        default=None, description="cross-validation folds of files with `part: train` or `test`"
    )
    sweep: Sweep | None = Field(
        default=None, description="grid of settings that `cloudkit sweep` builds; `build` ignores it"
    )


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that only repeat a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _correct_schema(schema: dict[str, Any]) -> None:
    """Check the names of heads, which pydantic's schema does not, and remove examples from descriptions."""
    for value in schema.values():
        if isinstance(value, dict):
            _correct_schema(value)
    if isinstance(schema.get("description"), str):
        schema["description"] = schema["description"].partition("\n\n")[0]
    if "patternProperties" in schema:
        ((pattern, member),) = schema.pop("patternProperties").items()
        schema["propertyNames"] = {"pattern": pattern, **schema.get("propertyNames", {})}
        schema["additionalProperties"] = member


@functools.cache
def _schema() -> dict[str, Any]:
    schema = Spec.model_json_schema(schema_generator=_Generator)
    _correct_schema(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cloudkit model spec"}
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec.

    Returns
    -------
    dict
        A copy, which may be changed.

    Examples
    --------
    >>> json_schema()["required"]
    ['cloudkit', 'name', 'encoder', 'heads', 'tasks']
    """
    return copy.deepcopy(_schema())


def schema_text() -> str:
    """Return the text of schemas/model.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
