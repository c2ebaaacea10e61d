"""The encoder on a CPU, packed and padded to 64: forward pass and training step of masked tokens at 12 x 768.

    python -m pytest benchmarks/bench_encoder.py -o python_files='bench_*.py' --benchmark-only --benchmark-timer=time.process_time

Published strings where shared data is at hand, else built-in minerals; float32; the same states, which is checked first.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from baselines.padded_encoder import Padded
from torch import Tensor
from torch.nn import functional

from cloudkit.models import CloudModel, Inputs
from cloudkit.modelspec import parse_spec
from cloudkit.tokens import Tokenizer

BATCH, LENGTH, ROUNDS = 64, 64, 3
SPEC = """
cloudkit: 1
name: published-shape
tokens: {dialect: reduced, vocabulary: cloud, max_length: 64}
encoder: {kind: transformer, layers: 12, heads: 12, width: 768, dropout: 0.1, features: false, pooling: cls}
heads: {mlm: {kind: masked_tokens}}
tasks: [{kind: pretrain, head: mlm, data: {builtin: minerals}}]
"""


@pytest.fixture(scope="module")
def model() -> CloudModel:
    return CloudModel(parse_spec(SPEC, "bench.yaml", Path()), Tokenizer("cloud"))


@pytest.fixture(scope="module")
def batches(model: CloudModel, strings: list[str]) -> Iterator[Inputs]:
    """Batches that were not seen before, each sorted by length as training sorts them."""

    def draw() -> Iterator[Inputs]:
        for seed in count():
            chosen = np.random.default_rng(seed).choice(len(strings), BATCH, replace=False)
            _, offsets = model.tokenizer.encode_batch([strings[i] for i in chosen])
            order = chosen[np.argsort(np.diff(offsets), kind="stable")]
            yield model.inputs(*model.tokenizer.encode_batch([strings[i] for i in order]))

    return draw()


@pytest.fixture(scope="module")
def padded(model: CloudModel, batches: Iterator[Inputs]) -> Padded:
    """The rival, once it is seen to give the same states."""
    rival, inputs = Padded(model.eval(), LENGTH).eval(), next(batches)
    with torch.no_grad():
        states = rival(*rival.pad_inputs(inputs))[inputs.sequence, inputs.position]
        torch.testing.assert_close(model(inputs).states, states, atol=2e-4, rtol=1e-4)
    return rival


def step(states: Tensor, ids: Tensor, model: CloudModel, optimizer: torch.optim.Optimizer) -> None:
    """Loss at every seventh token, gradients, update."""
    loss = functional.cross_entropy(
        model.heads["mlm"](states[::7], model.encoder.embedding.table.weight), ids[::7]
    )
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def run(
    benchmark, batches: Iterator[Inputs], work: Callable[..., object], prepare: Callable[[Inputs], tuple]
) -> None:  # type: ignore[no-untyped-def]
    """Time `work` on prepared fresh batches; keep their size with the times."""
    benchmark.pedantic(work, setup=lambda: (prepare(next(batches)), {}), rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info.update(
        strings=BATCH, padded_to=LENGTH, threads=torch.get_num_threads(), torch=torch.__version__
    )


@pytest.mark.benchmark(group="forward, 12 x 768, 64 strings")
def test_packed_forward(benchmark, model, batches) -> None:
    model.eval()
    run(benchmark, batches, torch.no_grad()(model), lambda inputs: (inputs,))


@pytest.mark.benchmark(group="forward, 12 x 768, 64 strings")
def test_padded_forward(benchmark, padded, batches) -> None:
    padded.eval()
    run(benchmark, batches, torch.no_grad()(padded), padded.pad_inputs)


@pytest.mark.benchmark(group="training step, 12 x 768, 64 strings")
def test_packed_training_step(benchmark, model, batches) -> None:
    optimizer = torch.optim.AdamW(model.train().parameters())
    run(
        benchmark,
        batches,
        lambda inputs: step(model(inputs).states, inputs.ids, model, optimizer),
        lambda inputs: (inputs,),
    )


@pytest.mark.benchmark(group="training step, 12 x 768, 64 strings")
def test_padded_training_step(benchmark, model, padded, batches) -> None:
    optimizer = torch.optim.AdamW(padded.train().parameters())

    def work(inputs: Inputs, ids: Tensor, real: Tensor) -> None:
        step(padded(ids, real)[inputs.sequence, inputs.position], inputs.ids, model, optimizer)

    model.train()
    run(benchmark, batches, work, lambda inputs: (inputs, *padded.pad_inputs(inputs)))
