"""`cloudkit models`: what ships with cloudkit, how good it is and what it learned from."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cloudkit.cli.terminal import emit, emit_json, emit_table

if TYPE_CHECKING:
    from cloudkit.predict.known import About, Quantity

NOTE: Final = """
Errors on compositions that training has not seen; trees learned from the same rows. In 80 %: share of the labels within their
intervals, then of the thirds of the crystals with the narrowest, middle and widest ones, and how many times as much the widest err
as the narrowest. thermal_expansion: labels of a quasi-harmonic Debye model (AFLOW), about 1.7 times measured values."""


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One model: its whole card.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document with all numbers.")] = False,
) -> None:  # fmt: skip
    """The models that ship with cloudkit: quantities, errors on unseen crystals compared with trees, data, licences, hashes.

    \b
    Example:
      cloudkit models
      cloudkit models elastic
    """
    from cloudkit.errors import CloudkitError, suggest
    from cloudkit.predict.known import about_shipped

    models = about_shipped()
    if name is not None and name not in models:
        raise CloudkitError(f"no model '{name}' ships with cloudkit" + suggest(name, list(models)))
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
        "\n`cloudkit predict materials crystal.cif` asks all of them; `cloudkit models NAME` prints a model's card."
    )


def _row(model: str, one: "Quantity") -> list[object]:
    """A line of the table."""
    thirds = " ".join(f"{share:.2f}" for share in one.thirds)
    return [
        model, one.quantity, one.unit, one.crystals, one.mae, one.trees_mae, one.mean_mae, one.coverage, thirds or None, one.ratio,
    ]  # fmt: skip


def _lines(name: str, about: "About") -> list[str]:
    """Where a model comes from."""
    size = (
        f": {about.bytes:,} bytes, SHA-256 {about.sha256}" if about.bytes else ": computed from other models"
    )
    return [name + size, *(f"  {line}" for line in about.data)]
