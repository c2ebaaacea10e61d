"""The `heads` of a spec: what the model predicts. A new kind joins the union at the end."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from cloudkit.modelspec.base import Count, Part, Share, Text

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
FOUR: tuple[ThermalQuantity, ...] = ("heat_capacity", "internal_energy", "entropy", "free_energy")
ModeKind = Literal["debye", "einstein", "debye_einstein", "spectrum"]


class MaskedTokensHead(Part):
    """Predicts hidden tokens from the rest of the string; for pretraining."""

    kind: Literal["masked_tokens"] = Field(description="hidden tokens are predicted from the others")
    mask: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="share of the tokens (or orbits) of a string that is hidden"
    )
    hide: Literal["tokens", "orbits"] = Field(
        default="tokens", description="what is hidden at a time: single tokens, or an element with its site"
    )
    tied: bool = Field(
        default=False,
        description="score tokens by their own vectors, the embedding's; false: by vectors apart",
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
    """Predicts what the structure behind a string looks like; for pretraining on structures."""

    kind: Literal["geometry"] = Field(
        description="distances and neighbours of the structure, from its string"
    )
    targets: list[GeometryTarget] = Field(
        default=list(ALL_GEOMETRY),
        min_length=1,
        description="what is learned: the first six of each orbit, the last three of the crystal",
    )
    hidden: Count | None = Field(
        default=None, description="width of the hidden layer; null: the width of the encoder"
    )


class RegressionHead(Part):
    """Predicts numbers directly, one per output."""

    kind: Literal["regression"] = Field(description="numbers predicted directly, without a physical model")
    outputs: list[Text] = Field(
        min_length=1, description="names of the predicted quantities; targets refer to them"
    )
    hidden: Count | None = Field(
        default=None, description="width of the hidden layer; null: the width of the encoder"
    )
    transform: Literal["none", "log", "sqrt"] = Field(
        default="none", description="the scale on which labels are learned; log and sqrt need positive labels"
    )
    dropout: Share = Field(default=0.1, description="share of the head's inputs dropped while training")


class ThermalHead(Part):
    """Predicts vibrational modes; all thermodynamic quantities at any temperature follow from them."""

    kind: Literal["thermal"] = Field(description="vibrational modes, from which all four quantities follow")
    modes: ModeKind = Field(
        default="debye",
        description="form of the phonon spectrum; debye: one Debye temperature; einstein: three frequencies; debye_einstein: "
        "a Debye part and two frequencies; spectrum: a density of states on a frequency grid",
    )
    outputs: list[ThermalQuantity] = Field(
        default=list(FOUR), min_length=1, description="quantities that targets may refer to"
    )
    dropout: Share = Field(default=0.1, description="share of the head's inputs dropped while training")
    tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.05, description="share by which a label of heat_capacity may exceed 3R per atom"
    )
    cp_minus_cv: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="A in Cp = Cv + A Cv² T, per mole of atoms, mol/J; needed for heat_capacity_p; 5e-6 is usual",
    )


Head = Annotated[MaskedTokensHead | GeometryHead | RegressionHead | ThermalHead, Field(discriminator="kind")]
