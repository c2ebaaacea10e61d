"""The data of a task, read and checked as its spec says."""

import numpy as np

from cloudkit.data import Crystals, Target, read_builtin, read_crystals, read_table
from cloudkit.errors import DataError
from cloudkit.modelspec import BuiltinData, Data, FinetuneTask, RegressionHead, Spec


def read_data(spec: Spec, data: Data) -> Crystals:
    """The rows of a task; DataError names file, row and column of what is wrong."""
    targets = [Target(**target.model_dump()) for target in data.targets]
    dialect, any_text = spec.tokens.dialect, spec.tokens.vocabulary == "cloud"
    if isinstance(data, BuiltinData):
        table, text, id, n_atoms = read_builtin(data.builtin, data.part), "scope", "id", "n_atoms"
        return read_crystals(table, text=text, id=id, n_atoms=n_atoms, targets=targets, dialect=dialect)
    return read_crystals(
        read_table(data.path),
        text=data.columns.text,
        id=data.columns.id,
        n_atoms=data.columns.n_atoms,
        targets=targets,
        dialect=dialect,
        any_text=any_text,
    )


def check_labels(spec: Spec, task: FinetuneTask, crystals: Crystals) -> None:
    """What a head asks of labels: a logarithm or root needs them above 0."""
    head = spec.heads[task.head]
    wrong = np.flatnonzero(crystals.value <= 0)
    if not isinstance(head, RegressionHead) or head.transform == "none" or not len(wrong):
        return
    first = int(wrong[0])
    crystal, name = crystals.crystal[first], crystals.quantities[crystals.quantity[first]]
    found = (
        f"{name} = {crystals.value[first]:g} of crystal {crystals.ids[crystal]} (and {len(wrong) - 1} more)"
    )
    raise DataError(f"heads.{task.head}.transform = {head.transform} needs labels above 0, found {found}")
