"""Inference engines of trained models: NumPy for the compact vocabulary, torch for all others.

Both give the same numbers within 1e-5 (tests/unit/models/test_runtime.py).
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from cloudkit.data import Tokens
from cloudkit.errors import require
from cloudkit.models.runtime import ClassificationHead, RegressionHead, Runtime, ThermalHead
from cloudkit.models.runtime.heads import thermal_band
from cloudkit.models.widths import Interval, WidthInputs
from cloudkit.predict.classes import decide
from cloudkit.predict.intervals import mix_members, regression_interval

if TYPE_CHECKING:
    from cloudkit.models import CloudModel
    from cloudkit.predict.ensembles import Blend

Array = npt.NDArray[np.float64]


class Classified(NamedTuple):
    """Class probabilities (strings, classes), index of the predicted class (strings,), and names of the classes."""

    probability: Array
    decided: npt.NDArray[np.int64]
    classes: tuple[str, ...]


class Engine(Protocol):
    """A network that is ready to predict."""

    tokenizer: Any

    @property
    def parameters_count(self) -> int:
        """Number of trained parameters."""

    def outputs(self, head: str) -> tuple[str, ...]:
        """Quantities that a head predicts."""

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """Pooled states (strings, features), the input of the heads."""

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Interval:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Interval:
        """Outputs (strings, outputs) of a regression head."""

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""


class NumpyEngine:
    """A model folder without torch."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.tokenizer = runtime, runtime.tokenizer

    @property
    def parameters_count(self) -> int:
        """Number of trained parameters."""
        return self.runtime.parameters_count

    def outputs(self, head: str) -> tuple[str, ...]:
        """Quantities that a head predicts."""
        return self.runtime.heads[head].outputs

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """Pooled states (strings, features), the input of the heads."""
        return self.runtime.network.pool(tokens.ids, tokens.offsets)

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Interval:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""
        return self._thermal_head(head).thermodynamics(self.pool(tokens), tokens.lengths, kelvin)

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""
        return self._thermal_head(head).modes(self.pool(tokens)).density(frequency)

    def _thermal_head(self, head: str) -> ThermalHead:
        module = self.runtime.heads[head]
        assert isinstance(module, ThermalHead), f"{head} has no modes"
        return module

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Interval:
        """Outputs (strings, outputs) of a regression head."""
        module = self.runtime.heads[head]
        assert isinstance(module, RegressionHead)
        pooled = self.pool(tokens)
        members = self.runtime.regress(head, tokens.ids, tokens.offsets, pooled)
        found, spread = mix_members(members, blend, module.rescale, self.tokenizer, tokens)
        states = WidthInputs(module.hidden(pooled), module.rescale(found), tokens.lengths, spread)
        half = module.widths.half(states)
        return Interval(found, module.restore(states.value - half), module.restore(states.value + half))

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""
        module = self.runtime.heads[head]
        assert isinstance(module, ClassificationHead)
        found: Array = self.runtime.regress(head, tokens.ids, tokens.offsets).mean(axis=0)
        if blend is not None:
            found = blend.mix_classes(found, self.tokenizer.decode_batch(tokens.ids, tokens.offsets))
        return Classified(found, decide(found, module.positive, module.threshold), module.classes)


class TorchEngine:
    """A network in torch."""

    def __init__(self, network: "CloudModel") -> None:
        self.network, self.tokenizer = network, network.tokenizer

    @property
    def parameters_count(self) -> int:
        """Number of trained parameters."""
        return self.network.parameters_count

    def outputs(self, head: str) -> tuple[str, ...]:
        """Quantities that a head predicts."""
        return self.network.value_head(head).outputs

    def pool(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        """Pooled states (strings, features), the input of the heads."""
        from cloudkit.models import pool

        found: npt.NDArray[np.float32] = pool(self.network, tokens).float().cpu().numpy()
        return found

    def thermal(self, head: str, tokens: Tokens, kelvin: Array) -> Interval:
        """THERMAL (strings, temperatures, 4) per mole of atoms."""
        from cloudkit.models import predict_modes

        torch = require("torch", "train")
        modes, band = predict_modes(self.network, head, tokens)
        with torch.inference_mode():
            return thermal_band(modes, torch.from_numpy(kelvin), band)

    def density(self, head: str, tokens: Tokens, frequency: Array) -> Array:
        """Modes per atom and K (strings, m) of a thermal head at frequencies (m,) in K."""
        from cloudkit.models import predict_modes

        torch = require("torch", "train")
        modes, _ = predict_modes(self.network, head, tokens)
        at = torch.from_numpy(frequency).expand(len(tokens), -1).contiguous()
        found: Array = modes.density(at).numpy()
        return found

    def regression(self, head: str, tokens: Tokens, blend: "Blend | None") -> Interval:
        """Outputs (strings, outputs) of a regression head."""
        return regression_interval(self.network, blend, head, tokens)

    def classify(self, head: str, tokens: Tokens, blend: "Blend | None") -> Classified:
        """Classes of a classification head."""
        from cloudkit.models import Classification
        from cloudkit.predict.ensembles import predict_classes

        module = self.network.heads[head]
        assert isinstance(module, Classification)
        found = predict_classes(self.network, blend, head, tokens)
        return Classified(found, decide(found, module.positive, float(module.threshold)), module.classes)
