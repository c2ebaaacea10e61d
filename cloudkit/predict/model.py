"""A trained model at work: structures or SCOPE strings in, a tidy table of values with units out."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit import html
from cloudkit.data import Tokens
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError, ModelError, require
from cloudkit.models.runtime import read_runtime, read_spec, reason_for_torch, shipped
from cloudkit.models.runtime.runtime import check_folder
from cloudkit.predict.engines import THERMAL, Classified, Engine, NumpyEngine, TorchEngine
from cloudkit.predict.inputs import (
    Failure,
    ModelInput,
    check_temperatures,
    gather,
    prepare,
    refuse,
    say_failures,
)
from cloudkit.predict.threads import fast_threads
from cloudkit.predict.wide import units_of, wide_columns
from cloudkit.units import KELVIN_PER_THZ, MOLAR_QUANTITIES, PER, Per, canonical_unit

if TYPE_CHECKING:
    import pandas as pd

    from cloudkit.models import CloudModel
    from cloudkit.modelspec import Spec
    from cloudkit.predict.ensembles import Blend
    from cloudkit.tokens import Tokenizer

Array = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]
ROOM_TEMPERATURE: Final = 298.15  # K, where a thermal model predicts if no temperature is asked for
BATCH: Final = 512  # crystals at a time
ROWS: Final = 1_000_000  # rows of a table at a time
NUMBERS: Final = ("temperature", "value", "lower", "upper")
COLUMNS: Final = ("id", "temperature", "quantity", "value", "unit", "lower", "upper")


class Values(NamedTuple):
    """Per mole of atoms: value (n, temperatures, quantities) at temperature (temperatures,) in K, NaN where it has no meaning.

    lower, upper: a band that holds 80 % of new crystals, like value; None where the model states none. classes (n, temperatures,
    quantities): the name of the predicted class where a quantity has classes, else "".
    """

    quantities: tuple[str, ...]
    units: tuple[str, ...]
    temperature: Array
    value: Array
    lower: Array | None = None
    upper: Array | None = None
    classes: npt.NDArray[np.object_] | None = None


def load_model(path: str | Path) -> "Model":
    """Read a model folder that `cloudkit build` wrote, or a model that ships with cloudkit by its name (a folder wins).

    Nothing in it is run, no pickle is read. Models over the compact vocabulary work without torch.
    Raises ModelError naming a file that is missing or damaged; MissingExtra for a model that needs torch where there is none.
    """
    folder = Path(path)
    if not folder.exists() and str(path) in shipped():
        folder = shipped()[str(path)]
    check_folder(folder)
    return Model(folder)


class Predictor:
    """What all models do with inputs: read them, predict in batches, and join the tables."""

    columns: tuple[str, ...] = COLUMNS
    thermal_count = len(THERMAL)  # thermal quantities of one crystal at one temperature
    dialect = "orbit"
    width = 0  # of the encoder
    caveat = ""  # what holds for all its values and has to be said with them

    def predict(
        self, inputs: Any, temperatures: Any = None, per: Per = "atom", *, wide: bool = False
    ) -> "pd.DataFrame":
        """Values of one or many structures or SCOPE strings.

        inputs: a pymatgen Structure, ASE Atoms, path of a file or folder, dict, (lattice, positions, numbers), SCOPE text, or a list of these.
        temperatures: in K, >= 0; 298.15 K unless given, for models of thermal quantities only.
        per: mole of atoms, of formula units, or of conventional cells.
        wide: one row per input (and temperature, if there are several) with a column for each quantity; ids are the index, units
        are in ``table.attrs["units"]``.
        -> one row per input, temperature and quantity: id, temperature (NaN where it plays no part), quantity, value, unit,
        lower, upper (a band that 80 % of new crystals lie in; NaN: the model states none), note. A quantity with classes has a row
        with the predicted class in a column `class` and its probability as the value, and a row with the probability of each class,
        named QUANTITY_CLASS. An input without a prediction has the same rows with NaN and the reason as note; they are listed in
        ``table.attrs["failures"]``, and a warning counts them. The id of an entry of a pandas Series is that of its index.
        Raises CloudkitError for a wrong temperature or `per`, and where a single input has no prediction.
        """
        given = list(gather(inputs))
        numbered = (one._replace(id=str(place)) for place, one in enumerate(given))
        batches = list(self.predict_columns(numbered, temperatures, per))
        names = tuple(dict.fromkeys((*self.columns, "note")))
        tables = [{"note": np.full(len(part["id"]), "", dtype=object), **part} for part, _ in batches]
        joined = {name: np.concatenate([part[name] for part in tables] or [np.empty(0)]) for name in names}
        failed = [one for _, some in batches for one in some]
        say_failures([one._replace(id=given[int(one.id)].id) for one in failed], inputs, len(joined["id"]))
        whole = _with_failures(joined, failed)
        ids = np.empty(len(given), dtype=object)
        ids[:] = [one.id for one in given]
        whole["id"] = ids[whole["id"].astype(np.int64)]
        units = units_of(whole)
        table = as_frame(wide_columns(whole) if wide and len(whole["id"]) else whole)
        if wide:
            table = table.set_index("id")
            table.attrs["units"] = units
        table.attrs["failures"] = [one._replace(id=given[int(one.id)].id) for one in failed]
        return table

    def predict_batches(
        self, inputs: Iterable[Encoded], temperatures: Any = None, per: Per = "atom"
    ) -> "Iterator[tuple[pd.DataFrame, list[Failure]]]":
        """As `predict`, over a stream of strings or errors in bounded memory: a table and failures per batch.

        The arguments are checked at once, before the first of them is read.
        """
        batches = self.predict_columns(inputs, temperatures, per)
        return ((as_frame(columns), failures) for columns, failures in batches)

    def predict_columns(
        self, inputs: Iterable[Encoded], temperatures: Any = None, per: Per = "atom"
    ) -> Iterator[tuple[Columns, list[Failure]]]:
        """As `predict_batches`, with tables as arrays by name, which need no pandas."""
        kelvin = self._temperatures(temperatures)
        if per not in PER:
            raise CloudkitError(f"per '{per}': choose from {', '.join(PER)}")
        return self._batches(iter(inputs), kelvin, per)

    def _batches(
        self, inputs: Iterator[Encoded], kelvin: Array, per: Per
    ) -> Iterator[tuple[Columns, list[Failure]]]:
        size = max(1, min(BATCH, ROWS // (self.thermal_count * max(kelvin.size, 1))))
        while chunk := list(islice(inputs, size)):
            checked = [prepare(one, self.dialect, per) for one in chunk]
            failures = [one for one in checked if isinstance(one, Failure)]
            with fast_threads(self.width, len(chunk)):
                table, long = self._table(
                    [one for one in checked if isinstance(one, ModelInput)], kelvin, per
                )
            yield table, failures + long

    def _temperatures(self, temperatures: Any) -> Array:
        return check_temperatures(ROOM_TEMPERATURE if temperatures is None else temperatures)

    def _table(self, given: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        """The table of all inputs that the model can read whole, and failures for the others."""
        raise NotImplementedError


class Model(Predictor):
    """A trained model. `heads` are the names of the heads that predict values.

    `blends`: the trees of heads that are ensembles with trees. `network` is the model in torch; once it was asked for, it
    is what predicts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.resolve().name
        self._plain = read_spec(folder / "spec.yaml")
        trained = {task["head"] for task in self._plain["tasks"] if task["kind"] == "finetune"}
        self._kinds = {name: head["kind"] for name, head in self._plain["heads"].items()}
        self.heads = [
            head
            for head, kind in self._kinds.items()
            if head in trained and kind in ("regression", "classification", "thermal")
        ]
        if "classification" in map(self._kinds.get, self.heads):
            self.columns = (*COLUMNS, "class")
        self.blends: dict[str, Blend] = {}
        if any(folder.glob("trees-*.npz")):
            from cloudkit.predict.ensembles import load_blends

            self.blends = load_blends(folder, list(self._kinds))
        tokens = self._plain["tokens"]
        self.dialect, self.max_length = str(tokens["dialect"]), int(tokens["max_length"])
        self.width = int(self._plain["encoder"]["width"])
        self._engine: Engine
        if reason_for_torch(self._plain) is None:
            self._engine = NumpyEngine(read_runtime(folder, self._plain))
        else:
            self._engine = TorchEngine(self.network)

    @cached_property
    def network(self) -> "CloudModel":
        """The model in torch, which training and evaluation work with."""
        require("torch", "train")
        from cloudkit.models import load_model

        network = load_model(self.folder)
        self._engine = TorchEngine(network)
        return network

    @property
    def spec(self) -> "Spec":
        """The resolved spec that the model was built from."""
        return self.network.spec

    def __repr__(self) -> str:
        predicts = ", ".join(name for head in self.heads for name in self._predicted(head))
        return f"<Model {self.name}: {self._engine.parameters_count:,} parameters, predicts {predicts or 'nothing yet'}>"

    def _repr_html_(self) -> str:
        rows = [(head, self._kinds[head], ", ".join(self._predicted(head))) for head in self.heads]
        about = f"{self._engine.parameters_count:,} parameters, reads {self.dialect} strings of at most {self.max_length} tokens"
        return html.titled(
            f"model {self.name}", html.paragraph(about), html.table(("head", "kind", "predicts"), rows)
        )

    @property
    def thermal(self) -> bool:
        """Whether values depend on temperature."""
        return any(map(self._is_thermal, self.heads))

    @property
    def tokenizer(self) -> "Tokenizer":
        """What turns strings into ids."""
        found: Tokenizer = self._engine.tokenizer
        return found

    def _is_thermal(self, head: str) -> bool:
        return bool(self._kinds[head] == "thermal")

    def embed(self, inputs: Any) -> npt.NDArray[np.float32]:
        """What the encoder makes of each structure or string (inputs, width): features for a model of your own.

        inputs: as for `predict`. Raises CloudkitError naming the first input that has no string which the model can read.
        """
        checked = [prepare(one, self.dialect, "atom") for one in gather(inputs)]
        _, tokens, long = self._tokenize([one for one in checked if isinstance(one, ModelInput)])
        refuse([one for one in checked if isinstance(one, Failure)] + long, len(checked))
        with fast_threads(self.width, len(tokens)):
            return self._engine.pool(tokens)

    def _temperatures(self, temperatures: Any) -> Array:
        if not self.heads:
            raise ModelError(
                f"model {self.name} predicts nothing yet: its spec fine-tunes no head that predicts values"
            )
        if not self.thermal and temperatures is not None:
            names = ", ".join(name for head in self.heads for name in self._outputs(head))
            raise CloudkitError(
                f"model {self.name} predicts {names}, which do not depend on temperature; omit temperatures"
            )
        return super()._temperatures(temperatures)

    def _outputs(self, head: str) -> tuple[str, ...]:
        return self._engine.outputs(head)

    def _predicted(self, head: str) -> tuple[str, ...]:
        if self._kinds[head] == "classification":
            return (*self._outputs(head), *self._probabilities(head))
        return THERMAL if self._is_thermal(head) else self._outputs(head)

    def _probabilities(self, head: str) -> tuple[str, ...]:
        """The names of the probabilities of a classification head."""
        (output,), classes = self._outputs(head), self._plain["heads"][head]["classes"]
        return tuple(f"{output}_{name}" for name in classes)

    def _tokenize(self, ready: list[ModelInput]) -> tuple[list[ModelInput], Tokens, list[Failure]]:
        """Ids of the strings that the model can read whole, and failures for the longer ones."""
        limit = self.max_length
        tokens = Tokens(*self.tokenizer.encode_batch([one.text for one in ready]))
        fits = (tokens.lengths <= limit).tolist()
        if all(fits):
            return ready, tokens, []
        text = f"tokens, and model {self.name} reads at most {limit} (tokens.max_length of its spec)"
        lengths = zip(ready, tokens.lengths.tolist(), fits, strict=True)
        long = [
            Failure(one.id, "P101", f"the string has {length} {text}")
            for one, length, fit in lengths
            if not fit
        ]
        kept = [one for one, fit in zip(ready, fits, strict=True) if fit]
        return kept, Tokens(*self.tokenizer.encode_batch([one.text for one in kept])), long

    def _table(self, given: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        ready, tokens, long = self._tokenize(given)
        atoms, ids = np.array([one.atoms for one in ready]), [one.id for one in ready]
        parts = [_columns(ids, atoms, self.values(head, tokens, kelvin), per) for head in self.heads]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in ("row", *self.columns)}
        order = np.argsort(joined["row"], kind="stable")
        return {name: joined[name][order] for name in self.columns}, long

    def values(self, head: str, tokens: Tokens, kelvin: Array) -> Values:
        """Values of one head per mole of atoms, in float64; kelvin (temperatures,) counts for thermal heads only."""
        names = self._predicted(head)
        if self._is_thermal(head):
            units = tuple(canonical_unit(name) for name in names)
            return Values(names, units, kelvin, *self._engine.thermal(head, tokens, kelvin))
        if self._kinds[head] == "classification":
            return _class_values(names, self._engine.classify(head, tokens, self.blends.get(head)))
        ends = self._engine.regression(head, tokens, self.blends.get(head))
        value, lower, upper = (None if part is None else part[:, None] for part in ends)
        assert value is not None
        return Values(names, self._units(head), np.array([np.nan]), value, lower, upper)

    def density(self, head: str, tokens: Tokens, thz: Array) -> Array:
        """Phonon density of states (strings, frequencies) in modes/THz/atom of a thermal head, at frequencies in THz."""
        return self._engine.density(head, tokens, thz * KELVIN_PER_THZ) * KELVIN_PER_THZ

    def _units(self, head: str) -> tuple[str, ...]:
        """The unit of each output: that of its quantity, else as the labels were declared."""
        stated = {
            target["quantity"]: target["unit"]
            for task in self._plain["tasks"]
            if task["kind"] == "finetune" and task["head"] == head
            for table in task["data"].get("join", [task["data"]])
            for target in table["targets"]
        }
        return tuple(canonical_unit(name) or stated.get(name, "") for name in self._outputs(head))


def _class_values(names: tuple[str, ...], found: Classified) -> Values:
    """The predicted class with its probability, then the probability of each class."""
    rows = np.arange(len(found.decided))
    value = np.column_stack([found.probability[rows, found.decided], found.probability])
    classes = np.full(value.shape, "", dtype=object)
    classes[:, 0] = np.array(found.classes, dtype=object)[found.decided]
    units = ("",) * len(names)
    return Values(names, units, np.array([np.nan]), value[:, None], classes=classes[:, None])


def _with_failures(columns: Columns, failures: Sequence[Failure]) -> Columns:
    """The rows of a table, in the order of the inputs, with those of inputs that failed: NaN, and the reason as note. Ids are
    places of inputs.
    """
    if not failures:
        return columns
    if len(columns["id"]):
        pattern = {name: part[columns["id"] == columns["id"][0]] for name, part in columns.items()}
    else:
        pattern = {
            name: np.array([np.nan if name in NUMBERS else ""], dtype=None if name in NUMBERS else object)
            for name in columns
        }
    parts = [columns]
    for one in failures:
        size = len(pattern["id"])
        lost = {name: np.full(size, np.nan) for name in ("value", "lower", "upper")}
        texts = {"id": one.id, "note": f"{one.code}: {one.message}"} | (
            {"class": ""} if "class" in columns else {}
        )
        parts.append(
            pattern | lost | {name: np.full(size, text, dtype=object) for name, text in texts.items()}
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    order = np.argsort(joined["id"].astype(np.int64), kind="stable")
    return {name: part[order] for name, part in joined.items()}


def as_frame(columns: Columns) -> "pd.DataFrame":
    """Columns as a table of pandas."""
    table: pd.DataFrame = require("pandas", "train").DataFrame(columns)
    return table


def _columns(ids: list[str], atoms: Array, found: Values, per: Per) -> Columns:
    """Long table of one head; column `row` is the position of the input."""
    count, kelvins, width = found.value.shape
    factor = np.ones((count, 1, width))
    molar = [name in MOLAR_QUANTITIES for name in found.quantities]
    factor[:, :, molar] = atoms[:, None, None]
    units = [
        canonical_unit(name, per) or unit for name, unit in zip(found.quantities, found.units, strict=True)
    ]
    row = np.repeat(np.arange(count), kelvins * width)
    none = np.full(len(row), np.nan)
    return {
        "row": row,
        "id": np.array(ids, dtype=object)[row],
        "temperature": np.tile(np.repeat(found.temperature, width), count),
        "quantity": np.tile(np.array(found.quantities, dtype=object), count * kelvins),
        "value": (found.value * factor).ravel(),
        "unit": np.tile(np.array(units, dtype=object), count * kelvins),
        "lower": none if found.lower is None else (found.lower * factor).ravel(),
        "upper": none if found.upper is None else (found.upper * factor).ravel(),
        "class": np.full(len(row), "", dtype=object) if found.classes is None else found.classes.ravel(),
    }
