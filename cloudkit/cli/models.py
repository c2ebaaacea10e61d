"""`cloudkit models`: what ships with cloudkit, how good it is and what it learned from."""

from typing import Annotated

import typer

from cloudkit.cli.terminal import emit, emit_json, emit_table


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
        emit(models[name].card.rstrip("\n"))
        return
    rows = [
        [
            one,
            quantity.quantity,
            quantity.unit,
            quantity.mae,
            quantity.trees_mae,
            quantity.mean_mae,
            quantity.coverage,
        ]
        for one, about in models.items()
        for quantity in about.quantities
    ]
    heads = ["model", "quantity", "unit", "MAE", "of trees", "of the mean", "in 80 %"]
    emit_table(heads, rows)
    emit(
        "\nMAE on compositions that training has not seen, where a share was held out; trees learned from the same rows."
    )
    for one, about in models.items():
        emit(f"\n{one}: {about.bytes:,} bytes, SHA-256 {about.sha256}")
        for line in about.data:
            emit(f"  {line}")
    emit(
        "\n`cloudkit predict materials crystal.cif` asks all of them; `cloudkit models NAME` prints a model's card."
    )
