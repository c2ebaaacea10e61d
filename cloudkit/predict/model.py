"""A trained model at work: structures or SCOPE strings in, a tidy table of values with units out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit import html
from cloudkit.data import Tokens
from cloudkit.errors import CloudkitError, ModelError, require
from cloudkit.modelspec import RegressionHead, Spec, ThermalHead, targets_of
from cloudkit.predict.ensembles import Blend, load_blends, predict_mean
from cloudkit.predict.inputs import Failure, Input, Ready, gather, prepare, refuse
from cloudkit.predict.temperatures import check_temperatures
from cloudkit.units import MOLAR_QUANTITIES, PER, Per, canonical_unit

if TYPE_CHECKING:
    import pandas as pd

    from cloudkit.models import CloudModel

Array = npt.NDArray[np.float64]
ROOM: Final = 298.15  # K, where a thermal model predicts if no temperature is asked for
BATCH: Final = 512  # crystals at a time
ROWS: Final = 1_000_000  # rows of a table at a time
FOUR: Final = ("heat_capacity", "internal_energy", "entropy", "free_energy")
COLUMNS: Final = ("id", "temperature", "quantity", "value", "unit", "lower", "upper")


class Values(NamedTuple):
    """Per mole of atoms: value (n, temperatures, quantities) at temperature (temperatures,) in K, NaN where it has no meaning.

    lower, upper: a band that holds 80 % of new crystals, like value; None where the model states none.
    """

    quantities: tuple[str, ...]
    units: tuple[str, ...]
    temperature: Array
    value: Array
    lower: Array | None = None
    upper: Array | None = None


def load(path: str | Path) -> "Model":
    """Read a model folder that `cloudkit build` wrote, or a model that ships with cloudkit by its name (a folder wins).

    Nothing in it is run, no pickle is read. Raises ModelError naming a file that is missing or damaged; MissingExtra without torch.
    """
    require("torch", "train")
    from cloudkit.models import load_model, shipped

    folder = Path(path)
    if not folder.exists() and str(path) in shipped():
        folder = shipped()[str(path)]
    network = load_model(folder)
    return Model(network, folder.resolve().name, load_blends(folder, list(network.spec.heads)))


class Model:
    """A trained model. `spec` is its resolved spec, `heads` the names of the heads that predict values.

    `blends`: the trees of heads that are ensembles with trees.
    """

    def __init__(
        self, network: "CloudModel", name: str, blends: Mapping[str, Blend] = MappingProxyType({})
    ) -> None:
        self.network, self.name, self.blends = network, name, blends
        self.spec: Spec = network.spec
        trained = {task.head for task in self.spec.tasks if task.kind == "finetune"}
        kinds = ThermalHead | RegressionHead
        self.heads = [
            head for head, kind in self.spec.heads.items() if head in trained and isinstance(kind, kinds)
        ]

    def __repr__(self) -> str:
        predicts = ", ".join(
            name for head in self.heads for name in (FOUR if self._is_thermal(head) else self._outputs(head))
        )
        return f"<Model {self.name}: {self.network.parameters_count:,} parameters, predicts {predicts or 'nothing yet'}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                head,
                self.spec.heads[head].kind,
                ", ".join(FOUR if self._is_thermal(head) else self._outputs(head)),
            )
            for head in self.heads
        ]
        about = f"{self.network.parameters_count:,} parameters, reads {self.spec.tokens.dialect} strings of at most "
        about += f"{self.spec.tokens.max_length} tokens"
        return html.titled(
            f"model {self.name}", html.paragraph(about), html.table(("head", "kind", "predicts"), rows)
        )

    @property
    def thermal(self) -> bool:
        """Whether values depend on temperature."""
        return any(map(self._is_thermal, self.heads))

    def _is_thermal(self, head: str) -> bool:
        return isinstance(self.spec.heads[head], ThermalHead)

    def predict(self, inputs: Any, temperatures: Any = None, per: Per = "atom") -> "pd.DataFrame":
        """Values of one or many structures or SCOPE strings.

        inputs: a pymatgen Structure, ASE Atoms, path, dict, (lattice, positions, numbers), SCOPE text, or a list of these.
        temperatures: in K, >= 0; 298.15 K unless given, for models of thermal quantities only.
        per: mole of atoms, of formula units, or of conventional cells.
        -> one row per input, temperature and quantity: id, temperature (NaN where it plays no part), quantity, value, unit,
        lower, upper (a band that 80 % of new crystals lie in; NaN: the model states none). Inputs without a prediction are in ``table.attrs["failures"]``.
        Raises CloudkitError for a wrong temperature or `per`.
        """
        pandas = require("pandas", "train")
        tables, failures = [], list[Failure]()
        for table, failed in self.predict_batches(gather(inputs), temperatures, per):
            tables.append(table)
            failures += failed
        filled = [table for table in tables if len(table)] or tables[:1]
        whole: pd.DataFrame = (
            pandas.concat(filled, ignore_index=True) if filled else pandas.DataFrame(columns=list(COLUMNS))
        )
        whole.attrs["failures"] = failures
        return whole

    def predict_batches(
        self, inputs: Iterable[Input], temperatures: Any = None, per: Per = "atom"
    ) -> "Iterator[tuple[pd.DataFrame, list[Failure]]]":
        """As `predict`, over a stream of records (id, scope, error) in bounded memory: a table and failures per batch.

        The arguments are checked at once, before the first record is read.
        """
        kelvin = self._temperatures(temperatures)
        if per not in PER:
            raise CloudkitError(f"per '{per}': choose from {', '.join(PER)}")
        size = max(1, min(BATCH, ROWS // (4 * max(kelvin.size, 1))))
        return self._batches(iter(inputs), kelvin, per, size)

    def embed(self, inputs: Any) -> npt.NDArray[np.float32]:
        """What the encoder makes of each structure or string (inputs, width): features for a model of your own.

        inputs: as for `predict`. Raises CloudkitError naming the first input that has no string which the model can read.
        """
        from cloudkit.models import pool

        checked = [prepare(one, self.spec.tokens.dialect, "atom") for one in gather(inputs)]
        _, tokens, long = self._tokenize([one for one in checked if isinstance(one, Ready)])
        refuse([one for one in checked if isinstance(one, Failure)] + long, len(checked))
        found: npt.NDArray[np.float32] = pool(self.network, tokens).float().cpu().numpy()
        return found

    def _temperatures(self, temperatures: Any) -> Array:
        if not self.heads:
            raise ModelError(f"model {self.name} predicts nothing yet: its spec fine-tunes no head of values")
        if not self.thermal and temperatures is not None:
            names = ", ".join(name for head in self.heads for name in self._outputs(head))
            raise CloudkitError(
                f"model {self.name} predicts {names}, which depend on no temperature; leave temperatures out"
            )
        return check_temperatures(ROOM if temperatures is None else temperatures)

    def _outputs(self, head: str) -> Sequence[str]:
        return self.network.value_head(head).outputs

    def _batches(
        self, inputs: Iterator[Input], kelvin: Array, per: Per, size: int
    ) -> "Iterator[tuple[pd.DataFrame, list[Failure]]]":
        while chunk := list(islice(inputs, size)):
            checked = [
                prepare(Input(one.id, one.scope, one.error), self.spec.tokens.dialect, per) for one in chunk
            ]
            failures = [one for one in checked if isinstance(one, Failure)]
            ready, tokens, long = self._tokenize([one for one in checked if isinstance(one, Ready)])
            yield self._table(ready, tokens, kelvin, per), failures + long

    def _tokenize(self, ready: list[Ready]) -> tuple[list[Ready], Tokens, list[Failure]]:
        """Ids of the strings that the model can read whole, and failures for the longer ones."""
        limit = self.spec.tokens.max_length
        tokens = Tokens(*self.network.tokenizer.encode_batch([one.text for one in ready]))
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
        return kept, Tokens(*self.network.tokenizer.encode_batch([one.text for one in kept])), long

    def _table(self, ready: list[Ready], tokens: Tokens, kelvin: Array, per: Per) -> "pd.DataFrame":
        pandas = require("pandas", "train")
        atoms = np.array([one.atoms for one in ready])
        parts = [
            _frame(pandas, [one.id for one in ready], atoms, self.values(head, tokens, kelvin), per)
            for head in self.heads
        ]
        table: pd.DataFrame = pandas.concat(parts).sort_values("row", kind="stable", ignore_index=True)
        return table[list(COLUMNS)]

    def values(self, head: str, tokens: Tokens, kelvin: Array) -> Values:
        """Values of one head per mole of atoms, in float64; kelvin (temperatures,) counts for thermal heads only."""
        if self._is_thermal(head):
            return _thermal(self.network, head, tokens, kelvin)
        return _regression(self.network, self.blends.get(head), head, tokens)


def _thermal(network: "CloudModel", head: str, tokens: Tokens, kelvin: Array) -> Values:
    """All four quantities from the modes, in float64 whatever the precision of the network.

    Bands: the same modes with all frequencies lower and higher by the factor that was fitted to unseen crystals, so that their ends
    obey the laws too.
    """
    from cloudkit.models import predict_modes

    torch = require("torch", "train")
    modes, band = predict_modes(network, head, tokens)
    temperature = torch.from_numpy(kelvin)
    with torch.inference_mode():

        def table(factor: float) -> Array:
            found = modes.scaled(factor).thermodynamics(temperature)
            return np.stack([getattr(found, name).numpy() for name in FOUR], axis=2)

        value = table(1.0)
        units = tuple(canonical_unit(name) for name in FOUR)
        if band == 0:
            return Values(FOUR, units, kelvin, value)
        ends = table(float(np.exp(-band))), table(float(np.exp(band)))
    return Values(FOUR, units, kelvin, value, np.minimum(*ends), np.maximum(*ends))


def _regression(network: "CloudModel", blend: Blend | None, head: str, tokens: Tokens) -> Values:
    from cloudkit.models import predict_interval

    names = tuple(network.value_head(head).outputs)
    count, width = len(tokens), len(names)
    sequence, quantity = np.repeat(np.arange(count), width), np.tile(np.arange(width), count)
    at = np.full(count * width, np.nan)
    flat = predict_mean(network, blend, head, tokens, sequence, quantity, at)
    tasks = [task for task in network.spec.tasks if task.kind == "finetune" and task.head == head]
    told = {target.quantity: target.unit for task in tasks for target in targets_of(task.data)}
    units = tuple(canonical_unit(name) or told.get(name, "") for name in names)
    lower, upper = predict_interval(network, head, flat, quantity)
    shape = (count, 1, width)
    return Values(
        names, units, np.array([np.nan]), flat.reshape(shape), lower.reshape(shape), upper.reshape(shape)
    )


def _frame(pandas: Any, ids: list[str], atoms: Array, found: Values, per: Per) -> Any:
    """Long table of one head; column `row` is the position of the input."""
    count, kelvins, width = found.value.shape
    factor = np.ones((count, 1, width))
    molar = [name in MOLAR_QUANTITIES for name in found.quantities]
    factor[:, :, molar] = atoms[:, None, None]
    units = [
        canonical_unit(name, per) or unit for name, unit in zip(found.quantities, found.units, strict=True)
    ]
    row = np.repeat(np.arange(count), kelvins * width)
    return pandas.DataFrame({
        "row": row,
        "id": np.array(ids, dtype=object)[row],
        "temperature": np.tile(np.repeat(found.temperature, width), count),
        "quantity": np.tile(np.array(found.quantities, dtype=object), count * kelvins),
        "value": (found.value * factor).ravel(),
        "unit": np.tile(np.array(units, dtype=object), count * kelvins),
        "lower": np.nan if found.lower is None else (found.lower * factor).ravel(),
        "upper": np.nan if found.upper is None else (found.upper * factor).ravel(),
    })  # fmt: skip
