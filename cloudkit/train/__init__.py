"""From a spec to a trained, evaluated and documented model; build.py tells the story."""

from cloudkit.errors import require

require("torch", "train")
require("lightning", "train")

from cloudkit.train.build import BuildResult, build  # noqa: E402 - the hint above comes first
from cloudkit.train.matbench import MatbenchResult, data_file, fold_specs, matbench, task_name  # noqa: E402
from cloudkit.train.stages import Stage, StageResult  # noqa: E402
from cloudkit.train.sweep import SweepResult, points, sweep  # noqa: E402
from cloudkit.train.trainer import Progress, Silent  # noqa: E402

__all__ = [
    "BuildResult",
    "MatbenchResult",
    "Progress",
    "Silent",
    "Stage",
    "StageResult",
    "SweepResult",
    "build",
    "data_file",
    "fold_specs",
    "matbench",
    "points",
    "sweep",
    "task_name",
]
