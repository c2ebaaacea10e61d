"""Rules of `data.targets`: quantity, unit and temperature fit the head and the table."""

from collections.abc import Iterator

from cloudkit.modelspec.draft import Draft, head_of, items, mappings, section, tables
from cloudkit.modelspec.names import suggest
from cloudkit.modelspec.shape import one_of
from cloudkit.modelspec.tree import Finding, Path, dotted
from cloudkit.units import MOLAR_QUANTITIES, QUANTITIES, canonical_unit, per_of, units_of

SPECTRAL = tuple(name for name in QUANTITIES if name not in MOLAR_QUANTITIES)

EXAMPLE = "[{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_cell/K}]"


def targets_fit(draft: Draft) -> Iterator[Finding]:
    """Labels fit the head that learns them."""
    for index, task in mappings(draft, "tasks"):
        for below, data in tables(task):
            path = ("tasks", index, *below, "targets")
            if not isinstance(data.get("targets"), list):
                continue
            head = head_of(draft, task)
            if task.get("kind") == "pretrain" and head.get("kind") != "regression":
                if data["targets"]:
                    why = "this pretrain task reads no labels; remove them, add a regression head or make it finetune"
                    yield Finding(path, f"{dotted(path)}: {why}")
                continue
            if not data["targets"]:
                yield Finding(path, f"{dotted(path[:-1])} needs targets, such as {EXAMPLE}")
            for number, target in mappings(data, "targets"):
                here = (*path, number)
                yield from _quantity(here, target, head, _name(draft, head))
                yield from _temperature(here, target, head)
                yield from _frequency(here, target)
                yield from _modes(here, target, head)
                yield from _unit(here, target, data)


def _name(draft: Draft, head: Draft) -> str | None:
    """The name under which a head stands."""
    return next((name for name, value in section(draft, "heads").items() if value is head), None)


def _quantity(path: Path, target: Draft, head: Draft, name: str | None) -> Iterator[Finding]:
    quantity, outputs = (
        target.get("quantity"),
        [out for out in items(head, "outputs") if isinstance(out, str)],
    )
    if isinstance(quantity, str) and outputs and quantity not in outputs:
        message = f"{dotted(path)}.quantity = '{quantity}' is not an output of head '{name}'"
        yield Finding((*path, "quantity"), message + suggest(quantity, outputs))


def _temperature(path: Path, target: Draft, head: Draft) -> Iterator[Finding]:
    temperature, kind, quantity = target.get("temperature"), head.get("kind"), target.get("quantity")
    if kind == "thermal" and temperature is None and quantity in MOLAR_QUANTITIES:
        message = f"{dotted(path)} needs a temperature for its thermal head: a number in K or a column's name"
        yield Finding((*path, "temperature"), message)
    reads_none = kind == "regression" or (kind == "thermal" and quantity in SPECTRAL)
    if reads_none and isinstance(temperature, int | float | str):
        who = "a regression head" if kind == "regression" else quantity
        hint = "remove it or use a thermal head" if kind == "regression" else "remove it"
        yield Finding((*path, "temperature"), f"{dotted(path)}.temperature: {who} reads none; {hint}")


def _frequency(path: Path, target: Draft) -> Iterator[Finding]:
    frequency, density = target.get("frequency"), target.get("quantity") == "phonon_density"
    if density and frequency is None:
        message = f"{dotted(path)} needs the frequency of phonon_density: a number or a column's name"
        yield Finding((*path, "frequency"), message)
    if not density and isinstance(frequency, int | float | str):
        message = f"{dotted(path)}.frequency: only phonon_density reads one; remove it"
        yield Finding((*path, "frequency"), message)


def _modes(path: Path, target: Draft, head: Draft) -> Iterator[Finding]:
    """What a kind of modes cannot give, and what is needed to give it."""
    quantity, modes, where = target.get("quantity"), head.get("modes"), (*path, "quantity")
    if head.get("kind") != "thermal":
        return
    wanted = {
        "phonon_density": ("debye", "spectrum"),
        "debye_temperature": ("debye", "debye_einstein", "spectrum"),
    }
    kinds = wanted.get(str(quantity), ())
    if kinds and isinstance(modes, str) and modes not in kinds:
        message = (
            f"{dotted(where)} = '{quantity}' is not defined for modes: {modes}; use {one_of(list(kinds))}"
        )
        yield Finding(where, message)
    if quantity == "heat_capacity_p" and head.get("cp_minus_cv") is None:
        message = f"{dotted(where)} = 'heat_capacity_p' needs the head's cp_minus_cv (mol/J), such as 5e-6: Cp = Cv + A Cv² T"
        yield Finding(where, message)


def kinds_have_their_labels(draft: Draft) -> Iterator[Finding]:
    """A kind of several numbers needs labels that tell them apart: one of the whole spectrum, not of one end of it."""
    ends = {"debye_temperature": "the slow end", "highest_frequency": "the fast end"}
    for index, task in mappings(draft, "tasks"):
        head = head_of(draft, task)
        if task.get("kind") != "finetune" or head.get("kind") != "thermal" or head.get("modes") == "debye":
            continue
        found = [
            target.get("quantity") for _, data in tables(task) for _, target in mappings(data, "targets")
        ]
        if found and all(name in ends for name in found):
            what = " and ".join(f"{name} ({ends[str(name)]})" for name in dict.fromkeys(found))
            path = ("tasks", index, "data", "targets")
            hint = "add labels of heat_capacity or another molar quantity, or use modes: debye"
            yield Finding(path, f"modes: {head.get('modes')} cannot be learned from {what} alone; {hint}")


def _unit(path: Path, target: Draft, data: Draft) -> Iterator[Finding]:
    quantity, unit, where = target.get("quantity"), target.get("unit"), (*path, "unit")
    known = units_of(quantity) if isinstance(quantity, str) else []
    if not known or not isinstance(unit, str):
        return
    if not unit:
        yield Finding(where, f"{dotted(path)} needs a unit, such as {canonical_unit(str(quantity))}")
    elif unit not in known:
        yield Finding(where, f"{dotted(where)} = '{unit}' is not a unit of {quantity}" + suggest(unit, known))
    elif per_of(unit) != "atom" and section(data, "columns").get("n_atoms", "") is None:
        message = (
            f"{dotted(where)} = '{unit}' needs the column with the numbers of atoms in data.columns.n_atoms"
        )
        yield Finding(where, message)
