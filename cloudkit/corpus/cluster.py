"""Shards made on the nodes of a Ray cluster with Ray Data: one task per unit, run again if its node is lost.

All nodes must see the input and the folder of shards under the same path.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudkit.corpus.units import Unit
from cloudkit.errors import require
from cloudkit.io import Shard

if TYPE_CHECKING:
    from cloudkit.encoding import EncodeOptions


def make_on_ray(
    units: list[Unit],
    folder: Path,
    options: "EncodeOptions",
    make_shard: Callable[[Unit, Path, "EncodeOptions"], Shard],
) -> Iterator[Shard]:
    """Yield shards as they are finished, in any order. Joins the cluster of $RAY_ADDRESS, or starts one on this machine."""
    if not units:
        return
    ray = require("ray", "cluster")
    data = require("ray.data", "cluster")
    if not ray.is_initialized():
        ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    place = folder.resolve()

    def make(row: dict[str, Any]) -> dict[str, Any]:
        return asdict(make_shard(units[row["item"]], place, options))

    numbers = data.from_items(list(range(len(units))), override_num_blocks=len(units))
    shards = numbers.map(make, num_cpus=1)
    for row in shards.iter_rows():
        yield Shard(**row)
