"""Prediction intervals of a network in torch and the trees of its ensemble."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Tokens
from cloudkit.errors import require
from cloudkit.models.widths import Interval

if TYPE_CHECKING:
    from cloudkit.models import CloudModel
    from cloudkit.predict.ensembles import Blend

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def mix_members(
    members: Array, blend: "Blend | None", rescale: Callable[[Array], Array], tokenizer: Any, tokens: Tokens
) -> tuple[Array, Array]:
    """Average networks (members, strings, outputs) with trees.

    Returns the mean in canonical units, and the standard deviation of the members on the scale of the head, both (strings, outputs).
    """
    mean = members.mean(axis=0)
    if blend is not None:
        trees = np.stack(blend.predict(tokenizer.decode_batch(tokens.ids, tokens.offsets)), axis=1)
        mean = (1 - blend.share) * mean + blend.share * trees
        members = np.concatenate([members, trees[None]])
    return mean, np.std([rescale(member) for member in members], axis=0)


def mixed_values(
    network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens
) -> tuple[Array, Array]:
    """Apply `mix_members` to a regression head."""
    from cloudkit.models import Regression, predict_members

    torch, module = require("torch", "train"), network.heads[head]
    assert isinstance(module, Regression), f"{head} has no intervals"

    def rescale(found: Array) -> Array:
        scaled: Array = module.rescale(torch.from_numpy(found)).numpy()
        return scaled

    return mix_members(predict_members(network, head, tokens), blend, rescale, network.tokenizer, tokens)


def regression_interval(network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens) -> Interval:
    """Predict outputs (strings, outputs) of a regression head with their intervals."""
    from cloudkit.models import predict_interval

    value, spread = mixed_values(network, blend, head, tokens)
    return Interval(value, *predict_interval(network, head, tokens, value, spread))


def predict_intervals(
    network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens, sequence: Rows, quantity: Rows, at: Array
) -> Interval:  # fmt: skip
    """Predict observations (n,) of a regression or thermal head with their intervals.

    Arguments are those of cloudkit.models.predict_values. The ends are NaN if no interval was fitted, and for the density of
    states, which scaled frequencies do not bound.
    """
    from cloudkit.models import Thermal, predict_values

    if not isinstance(network.heads[head], Thermal):
        ends = regression_interval(network, blend, head, tokens)
        return Interval(*(part[sequence, quantity] for part in ends))
    found = predict_values(network, head, tokens, sequence, quantity, at)
    return Interval(found, *thermal_interval(network, head, tokens, sequence, quantity, at))


def thermal_interval(
    network: "CloudModel", head: str, tokens: Tokens, sequence: Rows, quantity: Rows, at: Array
) -> tuple[Array, Array]:
    """Return the lower and upper ends (observations,) of the band of a thermal head."""
    from cloudkit.models import Thermal, predict_modes

    torch, module = require("torch", "train"), network.heads[head]
    assert isinstance(module, Thermal)
    modes, band = predict_modes(network, head, tokens)
    rows, names, kelvin = (
        torch.as_tensor(np.asarray(part)) for part in (sequence, quantity, np.nan_to_num(at))
    )
    with torch.inference_mode():
        ends = [
            module.values(
                modes.scaled(torch.from_numpy(np.exp(sign * np.nan_to_num(band)))[:, None]),
                rows,
                names,
                kelvin,
            ).numpy()
            for sign in (-1, 1)
        ]
    density = [place for place, name in enumerate(module.outputs) if name == "phonon_density"]
    none = np.isnan(band)[sequence] | np.isin(quantity, density)
    low, high = (np.where(none, np.nan, end(*ends)) for end in (np.minimum, np.maximum))
    return low, high
