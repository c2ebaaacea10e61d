"""`cloudkit models`: the shipped models, their errors and their training data."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cloudkit.cli.terminal import emit, emit_json, emit_table

if TYPE_CHECKING:
    from cloudkit.predict.about import About, Quantity

NOTE: Final = """
MAE: mean absolute error on compositions that are not in the training data; of trees: the same for trees trained on the same rows.
In 80 %: share of labels within their 80 % intervals; by thirds: the same for the crystals with the narrowest, middle and widest
intervals; widest/narrowest: ratio of the MAE of these thirds. thermal_expansion: labels are from a quasi-harmonic Debye model
(AFLOW), about 1.7 times measured values, and up to 5 times in covalent crystals. heat_capacity_p: measured at 298 K."""


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print the card of one model.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all numbers as one JSON document.")] = False,
) -> None:  # fmt: skip
    """List the shipped models: quantities, errors on unseen crystals compared with trees, training data, licences and hashes.

    \b
    Example:
      cloudkit models
      cloudkit models elastic
    """
    from cloudkit.errors import CloudkitError, suggest
    from cloudkit.predict.about import about_shipped

    models = about_shipped()
    if name is not None and name not in models:
        raise CloudkitError(f"no shipped model '{name}'" + suggest(name, list(models)))
    chosen = models if name is None else {name: models[name]}
    if as_json:
        emit_json({one: about.as_dict() for one, about in chosen.items()}, indent=1)
        return
    if name is not None:
        emit(models[name].card.rstrip("\n") or "\n".join(_lines(name, models[name])))
        return
    rows = [_row(one, quantity) for one, about in models.items() for quantity in about.quantities]
    heads = [
        "model",
        "quantity",
        "unit",
        "crystals",
        "MAE",
        "of trees",
        "of the mean",
        "in 80 %",
        "by thirds",
        "widest/narrowest",
    ]
    emit_table(heads, rows)
    emit(NOTE)
    for one, about in models.items():
        emit("")
        for line in _lines(one, about):
            emit(line)
    emit(
        "\n`cloudkit predict materials crystal.cif` uses all of them; `cloudkit models NAME` prints a model's card."
    )


def _row(model: str, one: "Quantity") -> list[object]:
    """Return a row of the table."""
    thirds = " ".join(f"{share:.2f}" for share in one.thirds)
    return [
        model, one.quantity, one.unit, one.crystals, one.mae, one.trees_mae, one.mean_mae, one.coverage, thirds or None, one.ratio,
    ]  # fmt: skip


def _lines(name: str, about: "About") -> list[str]:
    """Return size, hash and training data of a model as lines."""
    size = (
        f": {about.bytes:,} bytes, SHA-256 {about.sha256}" if about.bytes else ": computed from other models"
    )
    return [name + size, *(f"  {line}" for line in about.data)]
