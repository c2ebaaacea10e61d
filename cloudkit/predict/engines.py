"""What computes the values of a trained model: NumPy where it can, torch for the other forms of models.

Both give the same numbers within 1e-5 (tests/unit/models/test_runtime.py).
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from cloudkit.data import Tokens
from cloudkit.errors import require
from cloudkit.models.runtime import ClassificationHead, RegressionHead, Runtime, ThermalHead
from cloudkit.predict.classes import decide

if TYPE_CHECKING:
    from cloudkit.models import CloudModel
    from cloudkit.predict.ensembles import Blend

Array = npt.NDArray[np.float64]
THERMAL: tuple[str, ...] = ("heat_capacity", "internal_energy", "entropy", "free_energy")


class Ends(NamedTuple):
    """Values, and the ends of their intervals, all of one shape; None where the model states none."""

    value: Array
    lower: Array | None = None
    upper: Array | None = None


class Classified(NamedTuple):
    """Classes of strings: probability (strings, classes), the number of the class decided for (strings,), names of the classes."""

    probability: Array
    decided: npt.NDArray[np.int64]
    classes: tuple[str, ...]


class Engine(Protocol):
    """A network that is ready to predict."""

    tokenizer: Any

    @property
    def parameters_count(self) -> int:
        """Number of trained numbers."""

    def outputs(self, head: str) -> tuple[str, ...]:
        """What a head predicts."""

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """What heads read of each string (strings, columns)."""

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Ends:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Ends:
        """Outputs (strings, outputs) of a regression head."""

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""


def thermal_ends(modes: Any, kelvin: Any, band: float) -> Ends:
    """THERMAL of modes; a band is that of all frequencies lower and higher by a factor, so its ends obey the laws too."""

    def table(factor: float) -> Array:
        found = modes.scaled(factor).thermodynamics(kelvin)
        return np.stack([np.asarray(getattr(found, name)) for name in THERMAL], axis=2)

    if band == 0:
        return Ends(table(1.0))
    ends = table(float(np.exp(-band))), table(float(np.exp(band)))
    return Ends(table(1.0), np.minimum(*ends), np.maximum(*ends))


class NumpyEngine:
    """A model folder without torch."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.tokenizer = runtime, runtime.tokenizer

    @property
    def parameters_count(self) -> int:
        """Number of trained numbers."""
        return self.runtime.parameters_count

    def outputs(self, head: str) -> tuple[str, ...]:
        """What a head predicts."""
        return self.runtime.heads[head].outputs

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """What heads read of each string (strings, columns)."""
        return self.runtime.pool(tokens.ids, tokens.offsets)

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Ends:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""
        module = self.runtime.heads[head]
        assert isinstance(module, ThermalHead)
        return thermal_ends(self.runtime.modes(head, self.pool(tokens)), kelvin, module.band)

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""
        return self.runtime.modes(head, self.pool(tokens)).density(frequency)

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Ends:
        """Outputs (strings, outputs) of a regression head."""
        module = self.runtime.heads[head]
        assert isinstance(module, RegressionHead)
        found = self.runtime.regress(head, tokens.ids, tokens.offsets)
        if blend is not None:
            texts = self.tokenizer.decode_batch(tokens.ids, tokens.offsets)
            flat = blend.mix(found.ravel(), texts, *observations(*found.shape))
            found = flat.reshape(found.shape)
        return Ends(found, *module.intervals(found))

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""
        module = self.runtime.heads[head]
        assert isinstance(module, ClassificationHead)
        found = self.runtime.regress(head, tokens.ids, tokens.offsets)
        if blend is not None:
            found = blend.mix_classes(found, self.tokenizer.decode_batch(tokens.ids, tokens.offsets))
        return Classified(found, decide(found, module.positive, module.threshold), module.classes)


class TorchEngine:
    """A network in torch."""

    def __init__(self, network: "CloudModel") -> None:
        self.network, self.tokenizer = network, network.tokenizer

    @property
    def parameters_count(self) -> int:
        """Number of trained numbers."""
        return self.network.parameters_count

    def outputs(self, head: str) -> tuple[str, ...]:
        """What a head predicts."""
        return self.network.value_head(head).outputs

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """What heads read of each string (strings, columns)."""
        from cloudkit.models import pool

        found: npt.NDArray[np.float32] = pool(self.network, tokens).float().cpu().numpy()
        return found

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Ends:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""
        from cloudkit.models import predict_modes

        torch = require("torch", "train")
        modes, band = predict_modes(self.network, head, tokens)
        with torch.inference_mode():
            return thermal_ends(modes, torch.from_numpy(kelvin), band)

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""
        from cloudkit.models import predict_modes

        torch = require("torch", "train")
        modes, _ = predict_modes(self.network, head, tokens)
        at = torch.from_numpy(frequency).expand(len(tokens), -1).contiguous()
        found: Array = modes.density(at).numpy()
        return found

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Ends:
        """Outputs (strings, outputs) of a regression head."""
        from cloudkit.models import predict_interval
        from cloudkit.predict.ensembles import predict_mean

        shape = len(tokens), len(self.outputs(head))
        sequence, quantity = observations(*shape)
        at = np.full(len(sequence), np.nan)
        flat = predict_mean(self.network, blend, head, tokens, sequence, quantity, at)
        lower, upper = predict_interval(self.network, head, flat, quantity)
        return Ends(flat.reshape(shape), lower.reshape(shape), upper.reshape(shape))

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""
        from cloudkit.models import Classification
        from cloudkit.predict.ensembles import predict_classes

        module = self.network.heads[head]
        assert isinstance(module, Classification)
        found = predict_classes(self.network, blend, head, tokens)
        return Classified(found, decide(found, module.positive, float(module.threshold)), module.classes)


def observations(count: int, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """String and output of each value of `count` strings with `width` outputs, row by row."""
    return np.repeat(np.arange(count), width), np.tile(np.arange(width), count)
