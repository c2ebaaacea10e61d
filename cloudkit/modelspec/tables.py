"""The `data` of a task: where rows come from, which columns hold what, and in which units."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from cloudkit.modelspec.base import Part, Positive, Text


class Target(Part):
    """One column of labels."""

    column: Text = Field(description="column that holds the label")
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

    missing: Literal["error", "skip"] = Field(
        default="error", description="rows without this label: refuse the table, or skip the label"
    )
    weight: Positive = Field(default=1.0, description="how much each of these labels counts in training")


class Columns(Part):
    """Which columns of a table hold what besides the labels."""

    text: Text = Field(default="scope", description="column of SCOPE strings")
    n_atoms: Text | None = Field(
        default="n_atoms",
        description="atoms per cell or formula unit; read where a label's unit is not per atom",
    )
    id: Text | None = Field(default=None, description="column that names the rows; null: the row number")
    source: Text | None = Field(
        default=None, description="column that names where the labels of a row come from; see `source`"
    )
    structure: Text | None = Field(
        default=None,
        description="column of structures, as JSON lines hold them, to make the strings (and geometry) from, in place of `text`",
    )


class BuiltinData(Part):
    """A table that ships with cloudkit."""

    builtin: Literal["thermal", "minerals", "prototypes", "phonons"] = Field(description="name of the table")
    part: Literal["train", "test", "all"] = Field(
        default="all", description="which part; only thermal has train and test"
    )
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="share of the crystals that is used; a smaller share lies within a larger one",
    )
    source: str = Field(
        default="",
        description="where the labels come from, such as experiment or PBE. A finetune task predicts its first source; each other one "
        "has an offset of its own, learned and then left out; empty for phonons: the teachers",
    )
    targets: list[Target] = Field(default=[], description="labels; not for pretrain")


class FileData(Part):
    """A table of the user: .csv, .jsonl or .parquet, gzipped or not; or .json as matminer keeps it."""

    path: Text = Field(description="the file, relative to the folder of the spec")
    part: Literal["train", "test", "all"] = Field(
        default="all", description="rows of the fold that the key `folds` of the spec names, or all rows"
    )
    columns: Columns = Field(default=Columns(), description="which columns hold what")
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="share of the crystals that is used; a smaller share lies within a larger one",
    )
    source: str = Field(
        default="",
        description="where the labels come from, such as experiment or PBE. A finetune task predicts its first source; each other one "
        "has an offset of its own, learned and then left out",
    )
    targets: list[Target] = Field(default=[], description="labels; not for pretrain")


def _source(value: object) -> str:
    """Tag of the union member that a `data` mapping stands for."""
    if "join" in value if isinstance(value, Mapping) else isinstance(value, JointData):
        return "<joint>"
    builtin = "builtin" in value if isinstance(value, Mapping) else isinstance(value, BuiltinData)
    return "<builtin>" if builtin else "<file>"


Table = Annotated[
    Annotated[BuiltinData, Tag("<builtin>")] | Annotated[FileData, Tag("<file>")], Discriminator(_source)
]


class JointData(Part):
    """Several tables whose labels are learned together; a string that stands in two of them is one crystal."""

    join: list[Table] = Field(min_length=2, description="the tables, each with targets of its own")


Data = Annotated[
    Annotated[BuiltinData, Tag("<builtin>")]
    | Annotated[FileData, Tag("<file>")]
    | Annotated[JointData, Tag("<joint>")],
    Discriminator(_source),
]


def tables_of(data: Data) -> tuple[BuiltinData | FileData, ...]:
    """The tables of a task, one or several."""
    return tuple(data.join) if isinstance(data, JointData) else (data,)


def targets_of(data: Data) -> list[Target]:
    """The labels of a task, of all its tables."""
    return [target for table in tables_of(data) for target in table.targets]
