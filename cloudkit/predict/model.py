"""A trained model at work: structures or SCOPE strings in, a tidy table of values with units out."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cloudkit import html
from cloudkit.data import Tokens
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError, ModelError, require
from cloudkit.models.runtime import THERMAL, read_runtime, read_spec, reason_for_torch, shipped
from cloudkit.models.runtime.runtime import check_folder
from cloudkit.models.widths import Interval
from cloudkit.predict.about import run_errors
from cloudkit.predict.engines import Classified, Engine, NumpyEngine, TorchEngine
from cloudkit.predict.inputs import (
    Failure,
    ModelInput,
    check_temperatures,
    encode_inputs,
    prepare_input,
    raise_failures,
    report_failures,
)
from cloudkit.predict.sheet import (
    CURVE_TEMPERATURES,
    DOS_FREQUENCIES,
    PredictedClass,
    Sheet,
    trim_density,
)
from cloudkit.predict.tables import (
    CLASS_COLUMNS,
    COLUMNS,
    Columns,
    Values,
    as_frame,
    long_columns,
    units_of,
    wide_columns,
    with_failures,
)
from cloudkit.predict.threads import fast_threads
from cloudkit.predict.training_crystals import TrainingCrystals, load_training_crystals
from cloudkit.scope import parse, reduced_formula
from cloudkit.units import KELVIN_PER_THZ, PER, Per, canonical_unit

if TYPE_CHECKING:
    import pandas as pd

    from cloudkit.models import CloudModel
    from cloudkit.modelspec import Spec
    from cloudkit.predict.ensembles import Blend
    from cloudkit.tokens import Tokenizer

Array = npt.NDArray[np.float64]
ROOM_TEMPERATURE: Final = 298.15  # K, the default of thermal models
BATCH_SIZE: Final = 512  # crystals
MAX_ROWS: Final = 1_000_000  # of the table of one batch


class Predictor:
    """Base class of `Model` and `Materials`: reads inputs, predicts in batches and joins the tables.

    Attributes
    ----------
    columns : tuple of str
        Columns of its tables.
    quantities : tuple of str
        Quantities of its tables.
    dialect : str
        Dialect of the strings that it reads.
    width : int
        Width of the encoder.
    caveats : mapping of str to str
        quantity -> how its values differ from measured ones, shown with them.

    Examples
    --------
    >>> from cloudkit.predict import load
    >>> load("thermal").columns[:3], "note" in load("materials").columns
    (('id', 'temperature', 'quantity'), True)
    """

    columns: tuple[str, ...] = COLUMNS
    thermal_count = len(THERMAL)  # thermal quantities of one crystal at one temperature
    dialect = "orbit"
    width = 0
    caveats: Mapping[str, str] = MappingProxyType({})
    quantities: tuple[str, ...] = ()
    name = ""

    @cached_property
    def training_crystals(self) -> TrainingCrystals | None:
        """The crystals that it learned from; None if there is no record of them."""
        raise NotImplementedError

    def predict(
        self, inputs: Any, temperatures: Any = None, per: Per = "atom", *, wide: bool = False
    ) -> "pd.DataFrame":
        """Predict the properties of one or many structures or SCOPE strings.

        Parameters
        ----------
        inputs
            A pymatgen Structure, ASE Atoms, path of a file or folder, dict, (lattice, positions, numbers), SCOPE text, or a list
            of these. Ids are positions, file names, or the index of a pandas Series.
        temperatures : array_like, optional
            In K, >= 0, for thermal models only; default 298.15 K.
        per : {"atom", "formula", "cell"}
            What molar quantities refer to: a mole of atoms, of formula units or of conventional cells.
        wide : bool
            One row per input (and temperature, if there are several) and one column per quantity, indexed by id; units are in
            ``table.attrs["units"]``.

        Returns
        -------
        DataFrame
            One row per input, temperature and quantity with columns id, temperature (NaN if the quantity has none), quantity,
            value, unit, lower and upper (80 % prediction interval; NaN for a model without), note (how the crystal differs from
            all training crystals). A quantity with classes has
            a row for the predicted class (column `class`; its probability is the value) and a row QUANTITY_CLASS for the
            probability of each class. An input that fails has NaN values and the reason as its note; failures are listed in
            ``table.attrs["failures"]`` and counted in a warning.

        Raises
        ------
        CloudkitError
            For a temperature or `per` that is not allowed, and if a single input fails.

        Examples
        --------
        >>> from cloudkit.predict import load
        >>> table = load("elastic").predict(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"], wide=True)
        >>> table.attrs["units"]["bulk_modulus"]
        'GPa'
        """
        rows = list(encode_inputs(inputs))
        numbered = (row._replace(id=str(position)) for position, row in enumerate(rows))
        batches = list(self.predict_columns(numbered, temperatures, per))
        joined = {
            name: np.concatenate([part[name] for part, _ in batches] or [np.empty(0)])
            for name in self.columns
        }
        numbered_failures = [failure for _, failures in batches for failure in failures]
        failures = [failure._replace(id=rows[int(failure.id)].id) for failure in numbered_failures]
        report_failures(failures, inputs, len(joined["id"]))
        columns = with_failures(joined, numbered_failures)
        ids = np.empty(len(rows), dtype=object)
        ids[:] = [row.id for row in rows]
        columns["id"] = ids[columns["id"].astype(np.int64)]
        units = units_of(columns)
        table = as_frame(wide_columns(columns) if wide and len(columns["id"]) else columns)
        if wide:
            table = table.set_index("id")
            table.attrs["units"] = units
        table.attrs["failures"] = failures
        return table

    def predict_batches(
        self, inputs: Iterable[Encoded], temperatures: Any = None, per: Per = "atom"
    ) -> "Iterator[tuple[pd.DataFrame, list[Failure]]]":
        """Yield a table and its failures per batch: `predict` for a stream of encoded rows, in bounded memory.

        `temperatures` and `per` are checked at once, before any input is read.
        """
        batches = self.predict_columns(inputs, temperatures, per)
        return ((as_frame(columns), failures) for columns, failures in batches)

    def predict_columns(
        self, inputs: Iterable[Encoded], temperatures: Any = None, per: Per = "atom"
    ) -> Iterator[tuple[Columns, list[Failure]]]:
        """Yield what `predict_batches` does, with tables as dicts of arrays; needs no pandas."""
        kelvin = self._temperatures(temperatures)
        if per not in PER:
            raise CloudkitError(f"per '{per}': choose from {', '.join(PER)}")
        return self._batches(iter(inputs), kelvin, per)

    def _batches(
        self, inputs: Iterator[Encoded], kelvin: Array, per: Per
    ) -> Iterator[tuple[Columns, list[Failure]]]:
        size = max(1, min(BATCH_SIZE, MAX_ROWS // (self.thermal_count * max(kelvin.size, 1))))
        while chunk := list(islice(inputs, size)):
            checked = [prepare_input(row, self.dialect, per) for row in chunk]
            failures = [item for item in checked if isinstance(item, Failure)]
            with fast_threads(self.width, len(chunk)):
                table, too_long = self._table(
                    [item for item in checked if isinstance(item, ModelInput)], kelvin, per
                )
            yield table, failures + too_long

    def sheet(self, structure: Any, at: float | None = None) -> Sheet:
        """Make the data sheet of one structure or string; ``cloudkit.report.sheet_page`` turns it into a page.

        Parameters
        ----------
        structure
            A structure, path or string as for `predict`.
        at : float, optional
            Temperature of its table in K, for thermal models only; default 298.15 K.

        Returns
        -------
        Sheet
            All predictions for the crystal.

        Raises
        ------
        CloudkitError
            If the input is not exactly one crystal, or has no string.

        Examples
        --------
        >>> Model("elastic").sheet("1 4 b O O O c O O O d O O O e O O O 0 | Po 1a").formula
        'Po'
        """
        records = list(encode_inputs(structure))
        if len(records) != 1:
            raise CloudkitError(f"a data sheet is of one crystal; got {len(records)}")
        return self.sheet_of(records[0], at)

    def sheet_of(self, record: Encoded, at: float | None = None) -> Sheet:
        """Make the data sheet of one encoded row."""
        kelvin = self._temperatures(at)
        ready = prepare_input(record, self.dialect, "atom")
        if isinstance(ready, Failure):
            raise_failures([ready], 1)
            raise AssertionError
        return self._sheet(ready, record, float(kelvin[0]))

    def _sheet(self, ready: ModelInput, record: Encoded, at: float) -> Sheet:
        raise NotImplementedError

    def _temperatures(self, temperatures: Any) -> Array:
        return check_temperatures(ROOM_TEMPERATURE if temperatures is None else temperatures)

    def _table(self, inputs: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        """Return the table of the inputs that fit into the model, and a failure for each of the others."""
        raise NotImplementedError


class Model(Predictor):
    """A trained model, computed by NumPy if it can be, else by torch.

    Parameters
    ----------
    path : str or Path
        Folder that `cloudkit build` wrote, or name of a shipped model (a folder of that name wins). No code or pickle in it is
        executed.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    MissingExtra
        If the model needs torch and torch is not installed.

    Attributes
    ----------
    folder, name : Path, str
        Where it was read from.
    heads : list of str
        Heads that predict values.
    blends : dict of str to Blend
        Trees of the heads that are ensembles with trees.
    max_length : int
        Tokens that it reads; longer strings fail.
    network : CloudModel
        The model in torch; from the first access on, it computes the predictions.

    Examples
    --------
    >>> model = Model("thermal")
    >>> model.thermal, model.dialect
    (True, 'orbit')
    """

    def __init__(self, path: str | Path) -> None:
        given = Path(path)
        folder = given if given.exists() else shipped().get(str(path), given)
        check_folder(folder)
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
            self.columns = CLASS_COLUMNS
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
        self._outputs = {head: self._engine.outputs(head) for head in self.heads}
        self.quantities = tuple(name for head in self.heads for name in self._predicted(head))

    @cached_property
    def training_crystals(self) -> TrainingCrystals | None:
        """The crystals that it learned from; None if its folder has no record of them."""
        return load_training_crystals(
            self.folder, [name for head in self.heads for name in self._outputs[head]]
        )

    @cached_property
    def network(self) -> "CloudModel":
        """The model in torch, for training and evaluation."""
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
        predicts = ", ".join(self.quantities) or "nothing yet"
        return f"<Model {self.name}: {self._engine.parameters_count:,} parameters, predicts {predicts}>"

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
        """The tokenizer of the model's vocabulary and dialect."""
        tokenizer: Tokenizer = self._engine.tokenizer
        return tokenizer

    def _is_thermal(self, head: str) -> bool:
        return bool(self._kinds[head] == "thermal")

    def embed(self, inputs: Any) -> npt.NDArray[np.float32]:
        """Embed structures or strings: the pooled state of the encoder, as features for another model.

        Parameters
        ----------
        inputs
            As for `predict`.

        Returns
        -------
        ndarray of float32
            (inputs, features).

        Raises
        ------
        CloudkitError
            If an input has no string, or one that is too long; the message names the first.

        Examples
        --------
        >>> Model("thermal").embed(["0 0 0 | Si 1a"]).shape
        (1, 435)
        """
        checked = [prepare_input(row, self.dialect, "atom") for row in encode_inputs(inputs)]
        _, tokens, too_long = self._tokenize([item for item in checked if isinstance(item, ModelInput)])
        raise_failures([item for item in checked if isinstance(item, Failure)] + too_long, len(checked))
        with fast_threads(self.width, len(tokens)):
            return self._engine.pool(tokens)

    def _temperatures(self, temperatures: Any) -> Array:
        if not self.heads:
            raise ModelError(
                f"model {self.name} predicts nothing yet: its spec fine-tunes no head that predicts values"
            )
        if not self.thermal and temperatures is not None:
            names = ", ".join(name for head in self.heads for name in self._outputs[head])
            raise CloudkitError(
                f"model {self.name} predicts {names}, which do not depend on temperature; omit temperatures"
            )
        return super()._temperatures(temperatures)

    def _predicted(self, head: str) -> tuple[str, ...]:
        if self._kinds[head] == "classification":
            return (*self._outputs[head], *self._probabilities(head))
        return THERMAL if self._is_thermal(head) else self._outputs[head]

    def _probabilities(self, head: str) -> tuple[str, ...]:
        """Names of the class probabilities of a classification head."""
        (output,), classes = self._outputs[head], self._plain["heads"][head]["classes"]
        return tuple(f"{output}_{name}" for name in classes)

    def _tokenize(self, inputs: list[ModelInput]) -> tuple[list[ModelInput], Tokens, list[Failure]]:
        """Return the inputs that fit into the model with their ids, and a failure for each that is too long."""
        limit = self.max_length
        tokens = Tokens(*self.tokenizer.encode_batch([item.text for item in inputs]))
        fits = (tokens.lengths <= limit).tolist()
        if all(fits):
            return inputs, tokens, []
        reason = f"tokens, and model {self.name} reads at most {limit} (tokens.max_length of its spec)"
        too_long = [
            Failure(item.id, "P101", f"the string has {length} {reason}")
            for item, length, fit in zip(inputs, tokens.lengths.tolist(), fits, strict=True)
            if not fit
        ]
        kept = [item for item, fit in zip(inputs, fits, strict=True) if fit]
        return kept, Tokens(*self.tokenizer.encode_batch([item.text for item in kept])), too_long

    def _table(self, inputs: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        kept, tokens, too_long = self._tokenize(inputs)
        notes = [
            "; ".join(self.training_crystals.unlike(parse(item.text))) if self.training_crystals else ""
            for item in kept
        ]
        values = [self.values(head, tokens, kelvin) for head in self.heads]
        return long_columns(kept, notes, values, per, self.columns), too_long

    def _sheet(self, ready: ModelInput, record: Encoded, at: float) -> Sheet:
        _, tokens, too_long = self._tokenize([ready])
        raise_failures(too_long, 1)
        table: dict[str, tuple[float, float, float]] = {}
        units: dict[str, str] = {}
        classes: dict[str, PredictedClass] = {}
        curves: dict[str, Interval] = {}
        density = np.full(len(DOS_FREQUENCIES), np.nan)
        for head in self.heads:
            values = self.values(head, tokens, np.concatenate([[at], CURVE_TEMPERATURES]))
            interval = Interval(*(part[0] for part in values.ends))
            for column, quantity in enumerate(values.quantities):
                value, lower, upper = (float(part[0, column]) for part in interval)
                table[quantity], units[quantity] = (value, lower, upper), values.units[column]
                if self._is_thermal(head):
                    curves[quantity] = Interval(*(part[1:, column] for part in interval))
            if values.classes is not None:
                names = tuple(self._plain["heads"][head]["classes"])
                classes[values.quantities[0]] = PredictedClass(str(values.classes[0, 0, 0]), names)
            if self._is_thermal(head):
                density = self.density(head, tokens, DOS_FREQUENCIES)[0]
        scope, known = parse(ready.text), self.training_crystals
        return Sheet(
            self.name, record.id, ready.text, reduced_formula(scope), scope.space_group, at if curves else np.nan, table, units,
            run_errors(self.folder), classes, CURVE_TEMPERATURES, curves, *trim_density(density),
            known.unlike(scope) if known else [], known.nearest(scope) if known else [], known.other_forms(scope) if known else [],
            record.notes,
        )  # fmt: skip

    def values(self, head: str, tokens: Tokens, kelvin: Array) -> Values:
        """Predict with one head, per mole of atoms, in float64; kelvin (temperatures,) matters to thermal heads only."""
        names = self._predicted(head)
        if self._is_thermal(head):
            units = tuple(canonical_unit(name) for name in names)
            return Values(names, units, kelvin, self._engine.thermal(head, tokens, kelvin))
        if self._kinds[head] == "classification":
            return _class_values(names, self._engine.classify(head, tokens, self.blends.get(head)))
        ends = self._engine.regression(head, tokens, self.blends.get(head))
        return Values(
            names, self._units(head), np.array([np.nan]), Interval(*(part[:, None] for part in ends))
        )

    def density(self, head: str, tokens: Tokens, thz: Array) -> Array:
        """Phonon density of states (strings, frequencies) of a thermal head in modes/THz/atom, at frequencies thz in THz."""
        return self._engine.density(head, tokens, thz * KELVIN_PER_THZ) * KELVIN_PER_THZ

    def _units(self, head: str) -> tuple[str, ...]:
        """Units of the outputs: canonical ones for known quantities, else those declared in the spec."""
        declared = {
            target["quantity"]: target["unit"]
            for task in self._plain["tasks"]
            if task["kind"] == "finetune" and task["head"] == head
            for table in task["data"].get("join", [task["data"]])
            for target in table["targets"]
        }
        return tuple(canonical_unit(name) or declared.get(name, "") for name in self._outputs[head])


def _class_values(names: tuple[str, ...], result: Classified) -> Values:
    """The predicted class with its probability, then the probability of each class."""
    rows = np.arange(len(result.decided))
    value = np.column_stack([result.probability[rows, result.decided], result.probability])
    classes = np.full(value.shape, "", dtype=object)
    classes[:, 0] = np.array(result.classes, dtype=object)[result.decided]
    units = ("",) * len(names)
    return Values(names, units, np.array([np.nan]), Interval.unknown(value[:, None]), classes[:, None])
