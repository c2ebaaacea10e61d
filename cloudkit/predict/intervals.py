"""Values with the ends of their intervals, from a network in torch and the trees of its ensemble."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Tokens
from cloudkit.errors import require
from cloudkit.predict.features import features

if TYPE_CHECKING:
    from cloudkit.models import CloudModel
    from cloudkit.predict.ensembles import Blend

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


class Ends(NamedTuple):
    """Values, and the ends of their intervals, all of one shape; None where the model states none."""

    value: Array
    lower: Array | None = None
    upper: Array | None = None


def mix_members(
    members: Array, blend: "Blend | None", rescale: Callable[[Array], Array], tokenizer: Any, tokens: Tokens
) -> tuple[Array, Array]:
    """Mean of networks (members, strings, outputs) and trees in canonical units, and the standard deviation of all of them on
    the scale of the head, both (strings, outputs).
    """
    found = members.mean(axis=0)
    if blend is not None:
        known = features(tokenizer.decode_batch(tokens.ids, tokens.offsets))
        trees = np.stack([forest.predict(known) for forest in blend.forests], axis=1)
        found = (1 - blend.share) * found + blend.share * trees
        members = np.concatenate([members, trees[None]])
    return found, np.std([rescale(one) for one in members], axis=0)


def mixed_values(
    network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens
) -> tuple[Array, Array]:
    """As `mix_members`, of a regression head."""
    from cloudkit.models import Regression, predict_members

    torch, module = require("torch", "train"), network.heads[head]
    assert isinstance(module, Regression), f"{head} has no intervals"

    def rescale(found: Array) -> Array:
        scaled: Array = module.rescale(torch.from_numpy(found)).numpy()
        return scaled

    return mix_members(predict_members(network, head, tokens), blend, rescale, network.tokenizer, tokens)


def regression_ends(network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens) -> Ends:
    """Outputs (strings, outputs) of a regression head."""
    from cloudkit.models import predict_interval

    found, spread = mixed_values(network, blend, head, tokens)
    return Ends(found, *predict_interval(network, head, tokens, found, spread))


def predict_ends(
    network: "CloudModel", blend: "Blend | None", head: str, tokens: Tokens, sequence: Rows, quantity: Rows, at: Array
) -> Ends:  # fmt: skip
    """Observations (n,) of a regression or thermal head with their intervals; arguments as of cloudkit.models.predict_values.

    The ends are NaN where no interval was fitted, and for the density of states, which a factor on frequencies does not bound.
    """
    from cloudkit.models import Thermal, predict_values

    if not isinstance(network.heads[head], Thermal):
        ends = regression_ends(network, blend, head, tokens)
        assert ends.lower is not None and ends.upper is not None
        return Ends(*(part[sequence, quantity] for part in (ends.value, ends.lower, ends.upper)))
    found = predict_values(network, head, tokens, sequence, quantity, at)
    return Ends(found, *thermal_interval(network, head, tokens, sequence, quantity, at))


def thermal_interval(
    network: "CloudModel", head: str, tokens: Tokens, sequence: Rows, quantity: Rows, at: Array
) -> tuple[Array, Array]:
    """Ends (observations,) of the band of a thermal head."""
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
