"""Several processes, and processes that are killed: the curve of one, and the weights of an unbroken run."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from train_examples import Interrupt

from cloudkit.errors import CloudkitError
from cloudkit.train import build

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
STILL = [
    "encoder.dropout=0",
    "heads.thermal.dropout=0",
    "tasks.0.epochs=3",
    "tasks.1.epochs=3",
    "tasks.2.baselines=[]",
]


def settings(*changes: str) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_two_processes_follow_the_curve_of_one_with_the_doubled_batch(project: Path, spec: Any) -> None:
    changes = [*STILL, "tasks.0.valid=0.3", "heads.mlm.mask=0.3", "tasks.1.learning_rate=5e-3"]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        f"--master_port={free_port()}",
    ]
    command += ["-m", "cloudkit", "build", "tiny.yaml", "--out", "two", "--json"]
    command += settings(*changes, "tasks.0.batch=4", "tasks.1.batch=4", "run.strategy=ddp")
    done = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["metrics"]["tasks"], "one process, and only one, prints the result"
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
    command = [sys.executable, "-m", "cloudkit", "build", "tiny.yaml", "--out", "killed", *settings(*changes)]
    draw, kills, within = random.Random(1), 0, 0
    for _ in range(2):
        process = subprocess.Popen(
            command, cwd=project, env=ENVIRONMENT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        stages = project / "killed" / "stages"
        deadline = time.monotonic() + 60
        while process.poll() is None and not list(stages.glob("*.part/checkpoint.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        within += bool(list(stages.glob("*.part/checkpoint.safetensors")))
    assert kills >= 1 and within >= 1
    build(spec(*changes), project / "killed")
    whole, killed = (load_file(project / name / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(bool((whole[name] == killed[name]).all()) for name in whole)
    curves = [(project / name / "curves.json").read_text() for name in ("whole", "killed")]
    assert curves[0] == curves[1]


@pytest.mark.parametrize("group", [1, 2])
def test_a_build_goes_on_in_the_middle_of_an_epoch(project: Path, spec: Any, group: int) -> None:
    changes = ["run.checkpoint=0", "tasks.0.batch=3", f"tasks.0.group={group}"]
    build(spec(*changes), project / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(spec(*changes), project / "broken", progress=Interrupt(5))
    going_on = Interrupt(10**6)
    build(spec(*changes), project / "broken", progress=going_on)
    assert going_on.began["pretrain mlm"] == 4
    whole, broken = (load_file(project / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(bool((whole[name] == broken[name]).all()) for name in whole)


def test_want_of_memory_says_what_helps_and_keeps_the_checkpoint(
    project: Path, spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

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
        (["run.strategy=fsdp"], "set strategy: ddp"),
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
    assert build(spec("run.checkpoint=0", "run.strategy=ddp"), project / "run").stages[4].status == "reused"
