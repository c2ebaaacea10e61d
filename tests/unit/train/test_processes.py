"""Several processes, and processes that are killed: the curve of one, and the weights of an unbroken run."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cloudkit.errors import CloudkitError
from cloudkit.train import build
from cloudkit.train.devices import make_fabric

from .train_examples import Interrupt

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
STILL = [
    "encoder.dropout=0",
    "heads.thermal.dropout=0",
    "tasks.0.epochs=3",
    "tasks.1.epochs=3",
    "tasks.2.baselines=[]",
]
HOLD = """
import json, pathlib
from cloudkit.models import MultiTaskModel, CloudModel
from cloudkit.modelspec import load_spec
from cloudkit.tokens import Tokenizer
from cloudkit.train.devices import make_fabric
from cloudkit.train.devices import ema_copy

spec = load_spec("tiny.yaml", ["run.strategy=fsdp"])
fabric = make_fabric(spec.run)
module = MultiTaskModel(CloudModel(spec, Tokenizer(spec.tokens.vocabulary)), ["mlm"])
found = {"all": sum(weight.numel() for weight in module.parameters()), "ema": ema_copy(fabric, module)}
fabric.setup_module(module)
for name, part in (("module", module), ("ema", found["ema"])):
    found[name] = sum(weight.to_local().numel() for weight in part.parameters())
pathlib.Path(f"{fabric.global_rank}.json").write_text(json.dumps(found))
"""


def settings(*changes: str) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def together(out: str, *changes: str) -> list[str]:
    """The command that builds tiny.yaml in two processes."""
    start = ["-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}"]
    return [sys.executable, *start, *alone(out, *changes)[1:], "--json"]


def alone(out: str, *changes: str) -> list[str]:
    """The command that builds tiny.yaml in one process."""
    return [sys.executable, "-m", "cloudkit", "build", "tiny.yaml", "--out", out, *settings(*changes)]


def finish(command: list[str], project: Path) -> Any:
    """Run a command to its end; what it prints as JSON."""
    done = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    # gloo of torch 2.9 says on stdout whom it reached
    return json.loads(done.stdout[done.stdout.index("{\n") :])


def kill(command: list[str], project: Path, out: str, delay: float) -> bool:
    """Start a build, kill all its processes some seconds after its first checkpoint; whether that left a checkpoint."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=project, env=ENVIRONMENT, stdout=quiet, stderr=quiet)
    stages, deadline = project / out / "stages", time.monotonic() + 180
    while process.poll() is None and not list(stages.glob("*.part/checkpoint.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(delay)
    if process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        process.kill()
    ended = process.wait() == -signal.SIGKILL
    return ended and bool(list(stages.glob("*.part/checkpoint.safetensors")))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_follow_the_curve_of_one_with_the_doubled_batch(
    project: Path, spec: Any, strategy: str
) -> None:
    changes = [*STILL, "tasks.0.validation_fraction=0.3", "heads.mlm.mask=0.3", "tasks.1.learning_rate=5e-3"]
    shared = ["tasks.0.batch=4", "tasks.1.batch=4", f"run.strategy={strategy}"]
    printed = finish(together("two", *changes, *shared), project)
    assert printed["metrics"]["tasks"], "one process, and only one, prints the result"
    build(spec(*changes, "tasks.0.batch=8", "tasks.1.batch=8"), project / "one")
    one, two = (json.loads((project / name / "curves.json").read_text()) for name in ("one", "two"))
    assert len(one) == len(two) == 6
    for first, second in zip(one, two, strict=True):
        assert (first["stage"], first["step"]) == (second["stage"], second["step"])
        for loss in ("train_loss", "valid_loss"):
            assert second[loss] == pytest.approx(first[loss], abs=1e-4), first["stage"]
    assert abs(one[3]["train_loss"] - one[5]["train_loss"]) > 1e-3, "there is a curve to follow"


def test_a_build_that_is_killed_again_and_again_ends_with_the_weights_of_an_unbroken_one(
    project: Path, spec: Any
) -> None:
    changes = [
        "run.checkpoint=0",
        "tasks.0.epochs=16",
        "tasks.1.epochs=12",
        "tasks.0.batch=2",
        "tasks.1.batch=3",
    ]
    build(spec(*changes), project / "whole")
    draw = random.Random(1)
    left = [kill(alone("killed", *changes), project, "killed", draw.uniform(0, 0.3)) for _ in range(2)]
    assert any(left), "a kill fell within training"
    build(spec(*changes), project / "killed")
    whole, killed = (load_file(project / name / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(bool((whole[name] == killed[name]).all()) for name in whole)
    curves = [(project / name / "curves.json").read_text() for name in ("whole", "killed")]
    assert curves[0] == curves[1]


def test_each_device_holds_its_part_of_the_weights_and_of_their_running_mean(project: Path) -> None:
    (project / "hold.py").write_text(HOLD)
    start = ["-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}"]
    subprocess.run([sys.executable, *start, "hold.py"], cwd=project, env=ENVIRONMENT, check=True, timeout=120)
    first, second = (json.loads((project / f"{rank}.json").read_text()) for rank in range(2))
    assert first["all"] == second["all"] > 1000
    for name in ("module", "ema"):
        assert first[name] + second[name] == first["all"]
        assert 0.4 * first["all"] < first[name] < 0.6 * first["all"]


def test_a_killed_run_with_sharded_weights_is_resumed_with_sharded_or_full_ones(project: Path) -> None:
    changes = [
        "run.checkpoint=0",
        "tasks.0.epochs=9",
        "tasks.0.batch=2",
        "tasks.0.validation_fraction=0.2",
        "tasks.2.baselines=[]",
    ]
    sharded, replicated = [*changes, "run.strategy=fsdp"], [*changes, "run.strategy=ddp"]
    finish(together("whole", *sharded), project)
    assert kill(together("killed", *sharded), project, "killed", 0.2)
    shutil.copytree(project / "killed", project / "other")
    finish(together("killed", *sharded), project)
    finish(together("other", *replicated), project)
    whole, killed, other = (
        load_file(project / name / "model.safetensors") for name in ("whole", "killed", "other")
    )
    assert whole.keys() == killed.keys() == other.keys()
    assert all(bool((whole[name] == killed[name]).all()) for name in whole)
    assert all(torch.allclose(whole[name], other[name], atol=1e-3) for name in whole)


@pytest.mark.parametrize("group", [1, 2])
def test_a_build_goes_on_in_the_middle_of_an_epoch(project: Path, spec: Any, group: int) -> None:
    changes = ["run.checkpoint=0", "tasks.0.batch=3", f"tasks.0.bucket_batches={group}"]
    build(spec(*changes), project / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(spec(*changes), project / "broken", progress=Interrupt(5))
    going_on = Interrupt(10**6)
    build(spec(*changes), project / "broken", progress=going_on)
    assert going_on.began["pretrain mlm"] == 4
    whole, broken = (load_file(project / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(bool((whole[name] == broken[name]).all()) for name in whole)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "64-true"])
def test_each_precision_follows_the_curve_and_goes_on_alike(project: Path, spec: Any, precision: str) -> None:
    changes = ["run.checkpoint=0", "tasks.0.batch=3", "tasks.2.baselines=[]"]
    other = [*changes, f"run.precision={precision}"]
    build(spec(*changes), project / "single")
    build(spec(*other), project / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(spec(*other), project / "broken", progress=Interrupt(16))
    build(spec(*other), project / "broken")
    whole, broken = (load_file(project / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(bool((whole[name] == broken[name]).all()) for name in whole)
    assert whole["encoder.embedding.table.weight"].dtype == torch.float32
    rows = zip(
        *(json.loads((project / name / "curves.json").read_text()) for name in ("single", "whole")),
        strict=True,
    )
    assert all(one["train_loss"] == pytest.approx(two["train_loss"], abs=0.1) for one, two in rows)


def test_no_precision_rounds_temperatures(spec: Any) -> None:
    class Kelvin(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = torch.nn.Parameter(torch.ones(1))

        def forward(self, temperature: torch.Tensor) -> torch.Tensor:
            return self.factor * temperature

    for precision in ("32-true", "bf16-mixed", "16-mixed", "64-true"):
        network = make_fabric(spec(f"run.precision={precision}").run).setup_module(Kelvin())
        assert float(network(torch.tensor([298.15])).detach()) == pytest.approx(298.15, abs=1e-4), precision


def test_want_of_memory_says_what_helps_and_keeps_the_checkpoint(
    project: Path, spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = torch.optim.AdamW.step
    steps = iter(range(10**6))

    def step(self: Any, closure: Any = None) -> Any:
        if next(steps) == 4:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
            )
        return kept(self, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(
        CloudkitError, match=r"out of memory in epoch 2, step 2, with 8 crystals.*a smaller `batch`"
    ):
        build(spec("run.checkpoint=0"), project / "run")
    assert list((project / "run" / "stages").glob("pretrain-*.part/checkpoint.safetensors"))
    going_on = Interrupt(10**6)
    build(spec("run.checkpoint=0"), project / "run", progress=going_on)
    assert going_on.began["pretrain mlm"] == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["run.devices=2"],
            "ask for 2 processes, and 1 runs: start it as torchrun --nproc_per_node=2 --nnodes=1",
        ),
        (
            ["run.nodes=3"],
            "ask for 3 processes, and 1 runs: start it as torchrun --nproc_per_node=1 --nnodes=3",
        ),
    ],
)
def test_devices_that_are_not_there_are_refused_before_anything_is_done(
    project: Path, spec: Any, changes: list[str], message: str
) -> None:
    with pytest.raises(CloudkitError, match=message):
        build(spec(*changes), project / "run")
    assert not (project / "run").exists()


def test_how_often_checkpoints_are_written_decides_no_weights(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    assert build(spec("run.checkpoint=0", "run.strategy=fsdp"), project / "run").stages[4].status == "reused"
