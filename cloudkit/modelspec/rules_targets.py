"""Rules of `data.targets`: quantity, unit and temperature fit the head and the table."""

from collections.abc import Iterator

from cloudkit.modelspec.draft import Draft, head_name, head_of, items, mappings, section
from cloudkit.modelspec.names import suggest
from cloudkit.modelspec.tree import Finding, Path, dotted
from cloudkit.units import canonical_unit, parse_unit, units_of

EXAMPLE = "[{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_cell/K}]"


def targets_fit(draft: Draft) -> Iterator[Finding]:
    """Labels fit the head that learns them."""
    for index, task in mappings(draft, "tasks"):
        data, path = section(task, "data"), ("tasks", index, "data", "targets")
        if not isinstance(data.get("targets"), list):
            continue
        if task.get("kind") == "pretrain":
            if data["targets"]:
                yield Finding(
                    path, f"{dotted(path)}: pretrain reads no labels; remove them or make it finetune"
                )
            continue
        if not data["targets"]:
            yield Finding(path, f"tasks.{index}.data needs targets, such as {EXAMPLE}")
        for number, target in mappings(data, "targets"):
            head, here = head_of(draft, task), (*path, number)
            yield from _quantity(here, target, head, head_name(draft, task))
            yield from _temperature(here, target, head)
            yield from _unit(here, target, data)


def _quantity(path: Path, target: Draft, head: Draft, name: str | None) -> Iterator[Finding]:
    quantity, outputs = (
        target.get("quantity"),
        [out for out in items(head, "outputs") if isinstance(out, str)],
    )
    if isinstance(quantity, str) and outputs and quantity not in outputs:
        message = f"{dotted(path)}.quantity = '{quantity}' is not an output of head '{name}'"
        yield Finding((*path, "quantity"), message + suggest(quantity, outputs))


def _temperature(path: Path, target: Draft, head: Draft) -> Iterator[Finding]:
    temperature, kind = target.get("temperature"), head.get("kind")
    if kind == "thermal" and temperature is None:
        message = f"{dotted(path)} needs a temperature for its thermal head: a number in K or a column's name"
        yield Finding((*path, "temperature"), message)
    if kind == "regression" and isinstance(temperature, int | float | str):
        message = f"{dotted(path)}.temperature: a regression head reads none; remove it or use a thermal head"
        yield Finding((*path, "temperature"), message)


def _unit(path: Path, target: Draft, data: Draft) -> Iterator[Finding]:
    quantity, unit, where = target.get("quantity"), target.get("unit"), (*path, "unit")
    known = units_of(quantity) if isinstance(quantity, str) else []
    if not known or not isinstance(unit, str):
        return
    if not unit:
        yield Finding(where, f"{dotted(path)} needs a unit, such as {canonical_unit(str(quantity))}")
    elif unit not in known:
        yield Finding(where, f"{dotted(where)} = '{unit}' is not a unit of {quantity}" + suggest(unit, known))
    elif parse_unit(unit).per != "atom" and section(data, "columns").get("n_atoms", "") is None:
        message = (
            f"{dotted(where)} = '{unit}' needs the column with the numbers of atoms in data.columns.n_atoms"
        )
        yield Finding(where, message)
