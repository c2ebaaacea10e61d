"""From a spec to a trained, evaluated and documented model; start reading in build.py."""

from cloudkit.errors import require

require("torch", "train")
require("lightning", "train")

from cloudkit.train.build import BuildResult, build  # noqa: E402 - the hint above comes first
from cloudkit.train.matbench import MatbenchResult, find_data_file, fold_specs, matbench, task_name  # noqa: E402
from cloudkit.train.sweep import SweepResult, grid_points, sweep  # noqa: E402
from cloudkit.train.trainer import Progress  # noqa: E402

__all__ = [
    "BuildResult",
    "MatbenchResult",
    "Progress",
    "SweepResult",
    "build",
    "find_data_file",
    "fold_specs",
    "grid_points",
    "matbench",
    "sweep",
    "task_name",
]
