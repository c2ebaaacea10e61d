"""The labelled sets and the structures of the shared data, as the benchmark of tasks reads them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from conftest import SHARED
from numpy.typing import NDArray

from cloudkit.data import Crystals, Target, read_crystals
from cloudkit.data.geometry import CRYSTAL_TARGETS, ORBIT_TARGETS, encode_table
from cloudkit.io import Table, read_table
from cloudkit.scope import parse

FOLDS: Final = 5
FOLD_SEED: Final = 18012019  # of Matbench, here for all tasks
STRUCTURES: Final = (
    "mp20_binary_ternary", "aflow_thermal_elastic", "formation_energy_flla", "matbench_phonons", "elastic",
    "phonon_heat_capacity",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One labelled set: `file`, the column of strings (None: of structures), of labels and of atoms per labelled cell.

    pool: the tasks of one pool share their pretraining, which sees no composition of any of them; dialect: what structures
    are written in (strings are reduced).
    """

    file: str
    text: str | None
    label: str
    unit: str
    pool: str
    per_cell: str | None = None
    score: str = "mae"
    dialect: str = "orbit"


TASKS: Final = {
    "phonons": Task("matbench_phonons.jsonl.gz", None, "last_phdos_peak_cm1", "1/cm", "small"),
    "heat_capacity_train": Task("heat_capacity_train.csv", "cloud", "cv", "MAE/MAD", "reduced", "n_atoms", "mae_over_mad", "reduced"),
    "phonon_heat_capacity": Task("phonon_heat_capacity.jsonl.gz", None, "cv300_J_per_molcell_K", "J/mol_atom/K", "small", "n_atoms"),
    "K_VRH": Task("elastic.jsonl.gz", None, "K_VRH", "GPa", "small"),
    "G_VRH": Task("elastic.jsonl.gz", None, "G_VRH", "GPa", "small"),
    "refractive_index": Task("refractive_index_train.csv", "scope", "n", "1", "reduced", dialect="reduced"),
    "aflow_debye": Task("aflow_thermal_elastic.jsonl.gz", None, "debye_temperature", "K", "aflow"),
    "formation_energy": Task("formation_energy_flla.jsonl.gz", None, "formation_energy_per_atom", "eV/atom", "flla"),
    "phonons_reduced": Task("matbench_phonons.jsonl.gz", None, "last_phdos_peak_cm1", "1/cm", "reduced", dialect="reduced"),
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A task in memory: its crystals (labels per atom), and per observation the row of the file and atoms of its cell."""

    crystals: Crystals
    row: NDArray[np.int64]
    atoms: NDArray[np.float64]
    rows: int

    @property
    def target(self) -> NDArray[np.float64]:
        return self.crystals.value


@cache
def labelled(name: str) -> Labelled:
    """Read a task; structures that have no string keep their place among the folds and are left out."""
    task = TASKS[name]
    table = read_table(SHARED / task.file)
    table = Table(table.name, {**table.columns, "row": list(range(len(table)))})
    rows, text = len(table), task.text
    if text is None:
        table, notes = encoded(table, task)
        text = "scope"
        print(*notes, sep="\n", end="\n" if notes else "")
    atoms = np.ones(len(table)) if task.per_cell is None else table.numbers(task.per_cell)
    values = (table.numbers(task.label) / atoms).tolist()
    table = Table(table.name, {**table.columns, "value": values})
    crystals = read_crystals(table, text=text, targets=[Target("value", "value")], dialect=task.dialect)
    place = {one: index for index, one in enumerate(crystals.texts)}
    order = np.argsort([place[str(one)] for one in table.column(text)], kind="stable")
    row = np.array(table.column("row"), dtype=np.int64)[order]
    return Labelled(crystals, row, atoms[order], rows)


def encoded(table: Table, task: Task) -> tuple[Table, list[str]]:
    """The table with strings in place of structures; kept in runs/tasks, since it takes a while."""
    kept = Path("runs/tasks") / f"scope-{task.file.split('.')[0]}-{task.dialect}.json"
    if not kept.exists():
        made, notes = encode_table(table, "structure", None, task.dialect, geometry=False)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([made.columns, notes]))
    columns, notes = json.loads(kept.read_text())
    return Table(table.name, columns), notes


def folds(name: str, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Crystals to train on and to test on: KFold(5, shuffle=True, random_state=18012019) over the rows of the file.

    A crystal with a row in the test fold is a test crystal; a crystal of the same composition and space group as one is
    trained on by nobody.
    """
    from sklearn.model_selection import KFold

    data = labelled(name)
    splits = list(KFold(FOLDS, shuffle=True, random_state=FOLD_SEED).split(np.arange(data.rows)))
    return part(data, np.isin(data.row, splits[fold][1]))


def part(data: Labelled, tested: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    test = np.unique(data.crystals.crystal[tested])
    keys = twins(tuple(data.crystals.texts))
    closed = {keys[index] for index in test.tolist()}
    train = [index for index in np.unique(data.crystals.crystal).tolist() if keys[index] not in closed]
    return np.array(train, dtype=np.int64), test


@cache
def twins(texts: tuple[str, ...]) -> list[Any]:
    """Composition (to two decimals) and space group of each string."""
    return [(composition(text), parse(text).space_group) for text in texts]


def composition(text: str) -> tuple[tuple[str, float], ...]:
    """Fractions of the elements to two decimals, which reduced and orbit strings have in common."""
    counts = parse(text).composition
    whole = sum(counts.values()) or 1.0
    return tuple(sorted((element, round(count / whole, 2)) for element, count in counts.items()))


def structures(dialect: str, pool: str | None) -> Crystals:
    """All structures with their geometry, less those whose composition occurs in a task of the pool."""
    kept = Path("runs/tasks") / f"structures-{dialect}"
    if not (kept / "crystals.json").exists():
        columns: dict[str, list[object]] = {}
        names = ("scope", *ORBIT_TARGETS, *CRYSTAL_TARGETS)
        for name in STRUCTURES:
            table = read_table(SHARED / f"{name}.jsonl.gz")
            made, notes = encode_table(table, "structure", None, dialect, geometry=True)
            print(*notes, sep="\n", end="\n" if notes else "")
            columns = {key: columns.get(key, []) + made.columns[key] for key in names}
        kept.mkdir(parents=True, exist_ok=True)
        read_crystals(Table("structures", columns), dialect=dialect, geometry=True).save(kept)
    members = [name for name, task in TASKS.items() if task.pool == pool]
    closed = {composition(text) for name in members for text in labelled(name).crystals.texts}
    return _only(Crystals.load(kept), lambda text: composition(text) not in closed)


def _only(crystals: Crystals, keep: Callable[[str], bool]) -> Crystals:
    from cloudkit.data.geometry import pack

    chosen = [index for index, text in enumerate(crystals.texts) if keep(text)]
    assert crystals.geometry is not None
    none = np.empty(0)
    return Crystals(
        [crystals.texts[i] for i in chosen], [crystals.ids[i] for i in chosen], (), none.astype(np.int64),
        none.astype(np.int64), none, none, (), pack([crystals.geometry.row(i) for i in chosen]),
    )  # fmt: skip
