"""The NumPy runtime: the numbers of torch, on thousands of strings and for every form of encoder and head it takes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cloudkit.data import Tokens, read_builtin
from cloudkit.errors import ModelError
from cloudkit.kernels import einstein_thermodynamics, thermodynamics
from cloudkit.kernels.solids_numpy import debye, einstein
from cloudkit.models import (
    CloudModel,
    IntervalHead,
    load_model,
    pool,
    predict_modes,
    predict_values,
    save_model,
)
from cloudkit.models.features import ELEMENT_KIND
from cloudkit.models.runtime import (
    ClassificationHead,
    RegressionHead,
    Runtime,
    read_runtime,
    read_safetensors,
    shipped,
)
from cloudkit.models.runtime.heads import N_PARAMETERS
from cloudkit.models.runtime.runtime import reason_for_torch
from cloudkit.models.widths import THIRDS, Interval
from cloudkit.modelspec import parse_spec
from cloudkit.predict.engines import NumpyEngine, TorchEngine
from cloudkit.predict.ensembles import load_blends
from cloudkit.scope import project
from cloudkit.tokens import Tokenizer

CLOSE = 1e-5  # of the largest number of a column
ODD = (
    "0 0 0 | Si 1a",
    "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b",
    "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Fe 0.5 Ni 0.5 4a",
)
SPEC = """
cloudkit: 1
name: toy
tokens: {dialect: DIALECT, vocabulary: compact, max_length: 64}
encoder: {kind: transformer, layers: 2, heads: 2, width: 16, ENCODER}
heads: {value: HEAD}
tasks:
  - kind: finetune
    head: value
    data: {path: toy.csv, targets: [TARGET]}
run: {seed: 3}
"""
REGRESSION = ("{kind: regression, outputs: [a, b]}", "{column: a, quantity: a}")
ENCODERS = (
    "merge: true, pooling: attention",
    "merge: true, pooling: cls_mean, norm: rms",
    "merge: false, pooling: mean, activation: relu, gated: false",
    "merge: false, pooling: cls, activation: gelu_tanh",
    "merge: true, pooling: cls_mean, features: false",
)


def strings(dialect: str) -> list[str]:
    texts = [*ODD, *read_builtin("minerals").text("scope")]
    return texts if dialect == "orbit" else [project(text, dialect) for text in texts]


def packed(runtime: Runtime, texts: list[str]) -> Tokens:
    return Tokens(*runtime.tokenizer.encode_batch(texts))


def assert_close(found: np.ndarray, wanted: np.ndarray) -> None:
    scale = np.abs(wanted).max(axis=0)
    assert (np.abs(found - wanted) <= CLOSE * np.maximum(scale, 1e-2)).all()


@pytest.mark.parametrize("name", shipped())
def test_shipped_models_pool_thousands_of_strings_as_in_torch(name: str) -> None:
    runtime, model = read_runtime(shipped()[name]), load_model(shipped()[name])
    tokens = packed(runtime, strings(runtime.dialect))
    assert len(tokens) > 1000
    assert_close(runtime.network.pool(tokens.ids, tokens.offsets), pool(model, tokens).numpy())
    assert runtime.parameters_count == model.parameters_count


def test_geometry_is_read_out_of_strings_as_in_torch() -> None:
    """Of the targets of orbits: mean by share of the atoms, least and greatest; then the targets of the crystal."""
    folder = shipped()["geometry"]
    runtime, model = read_runtime(folder), load_model(folder)
    texts = strings("orbit")[:400]
    tokens = packed(runtime, texts)
    inputs = model.inputs(tokens.ids, tokens.offsets)
    with torch.inference_mode():
        encoded = model(inputs)
        places = np.flatnonzero(model.tokenizer.kinds[inputs.ids.numpy()] == ELEMENT_KIND)
        orbits, crystals = model.heads["shape"](encoded.states[places], encoded.pooled)
        share, string = model.encoder.embedding.shares(inputs)[places, None], inputs.sequence[places]
    center, spread = model.heads["shape"].center.numpy(), model.heads["shape"].spread.numpy()
    count = orbits.shape[1]
    orbits = orbits.numpy() * spread[:count] + center[:count]
    crystals = crystals.numpy() * spread[count:] + center[count:]
    wanted = []
    for row in range(len(texts)):
        own = string.numpy() == row
        mean = (orbits[own] * share.numpy()[own]).sum(axis=0)
        wanted.append([*mean, *orbits[own].min(axis=0), *orbits[own].max(axis=0), *crystals[row]])
    assert_close(runtime.geometry("shape", tokens.ids, tokens.offsets), np.array(wanted))


@pytest.mark.parametrize("name", shipped())
def test_the_heads_of_shipped_models_say_what_they_say_in_torch(name: str) -> None:
    runtime, model = read_runtime(shipped()[name]), load_model(shipped()[name])
    tokens = packed(runtime, strings(runtime.dialect))
    pooled = runtime.network.pool(tokens.ids, tokens.offsets)
    for head, module in runtime.heads.items():
        if isinstance(module, RegressionHead):
            assert_regression(runtime, model, head, tokens)
            continue
        if isinstance(module, ClassificationHead):
            trees = load_blends(shipped()[name], [head])[head]
            mine, theirs = (
                engine.classify(head, tokens, trees) for engine in (NumpyEngine(runtime), TorchEngine(model))
            )
            assert_close(mine.probability, theirs.probability)
            continue
        kelvin = np.array([0.0, 10.0, 300.0, 1500.0])
        modes, band = predict_modes(model, head, tokens)
        assert (band > 0).all() and band.max() > 1.2 * band.min()
        assert_ends(
            NumpyEngine(runtime).thermal(head, tokens, kelvin),
            TorchEngine(model).thermal(head, tokens, kelvin),
        )
        four = module.modes(pooled).thermodynamics(kelvin)
        for found, wanted in zip(four, modes.thermodynamics(torch.from_numpy(kelvin)), strict=True):
            assert_close(found, wanted.numpy())
        frequency = np.linspace(1.0, 900.0, 50)
        wanted = modes.density(torch.from_numpy(frequency).expand(len(tokens), -1).contiguous()).numpy()
        found = module.modes(pooled).density(frequency)
        assert (
            np.median(np.abs(found - wanted)) < CLOSE * wanted.max()
        )  # a step may lie on either side of a point
        np.testing.assert_allclose(module.modes(pooled).acoustic(), modes.acoustic().numpy(), rtol=CLOSE)


def assert_regression(runtime: Runtime, model: object, head: str, tokens: Tokens) -> None:
    width = len(runtime.heads[head].outputs)
    rows, outputs = np.repeat(np.arange(len(tokens)), width), np.tile(np.arange(width), len(tokens))
    flat = predict_values(model, head, tokens, rows, outputs, np.full(len(rows), np.nan))  # type: ignore[arg-type]
    found = runtime.regress(head, tokens.ids, tokens.offsets).mean(axis=0)
    assert_close(found, flat.reshape(-1, width))
    assert_ends(
        NumpyEngine(runtime).regression(head, tokens, None),
        TorchEngine(model).regression(head, tokens, None),  # type: ignore[arg-type]
    )


def assert_ends(mine: Interval, theirs: Interval) -> None:
    for found, wanted in zip(mine, theirs, strict=True):
        assert found is not None and wanted is not None
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        assert_close(np.nan_to_num(found), np.nan_to_num(wanted))


def toy(folder: Path, encoder: str, head: tuple[str, str], dialect: str = "orbit") -> tuple[Runtime, object]:
    text = SPEC.replace("ENCODER", encoder).replace("HEAD", head[0]).replace("TARGET", head[1])
    spec = parse_spec(text.replace("DIALECT", dialect), "toy.yaml", Path(), check_files=False)
    model = CloudModel(spec, Tokenizer("compact"))
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.startswith(("heads", "members")):  # untrained heads say almost nothing
                torch.nn.init.normal_(tensor, std=0.3, generator=torch.Generator().manual_seed(len(name)))
        give_widths(model)
    save_model(model, folder)
    return read_runtime(folder), model.eval()


def give_widths(model: CloudModel) -> None:
    """Intervals of different widths."""
    head = model.heads["value"]
    assert isinstance(head, IntervalHead)
    widths, random = head.widths, np.random.default_rng(0)
    widths.root[:], widths.line[:] = (
        random.normal(size=widths.root.shape),
        0.05 * random.normal(size=widths.line.shape),
    )
    widths.bounds[:], widths.knots[:], widths.band[:] = (
        (-2.0, 2.0),
        np.linspace(-1, 1, THIRDS),
        (1.0, 2.0, 1.5),
    )
    head.set_widths(widths)


@pytest.mark.parametrize("dialect", ["orbit", "reduced"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_form_of_encoder_gives_the_numbers_of_torch(tmp_path: Path, encoder: str, dialect: str) -> None:
    runtime, model = toy(tmp_path / "toy", encoder, REGRESSION, dialect)
    assert_regression(runtime, model, "value", packed(runtime, strings(dialect)[:300]))


def test_an_ensemble_is_the_mean_of_its_networks(tmp_path: Path) -> None:
    text = SPEC.replace("ENCODER", ENCODERS[0]).replace("HEAD", REGRESSION[0]).replace("DIALECT", "orbit")
    text = text.replace("[TARGET]}", "[{column: a, quantity: a}]}\n    ensemble: {members: 3}")
    model = CloudModel(parse_spec(text, "toy.yaml", Path(), check_files=False), Tokenizer("compact"))
    give_widths(model)
    save_model(model, tmp_path / "toy")
    runtime = read_runtime(tmp_path / "toy")
    assert len(runtime.members["value"]) == 2
    assert_regression(runtime, model.eval(), "value", packed(runtime, strings("orbit")[:50]))


@pytest.mark.parametrize("kind", N_PARAMETERS)
def test_modes_of_every_kind_are_those_of_torch(tmp_path: Path, kind: str) -> None:
    head = (
        f"{{kind: thermal, modes: {kind}}}",
        "{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_atom/K}",
    )
    runtime, model = toy(tmp_path / "toy", ENCODERS[0], head)
    tokens = packed(runtime, strings("orbit")[:100])
    kelvin = np.array([0.0, 5.0, 77.0, 300.0, 2000.0])
    modes, _ = predict_modes(model, "value", tokens)  # type: ignore[arg-type]
    found = (
        runtime.heads["value"].modes(runtime.network.pool(tokens.ids, tokens.offsets)).thermodynamics(kelvin)
    )
    for mine, theirs in zip(found, modes.thermodynamics(torch.from_numpy(kelvin)), strict=True):
        assert_close(mine, theirs.numpy())


def test_solids_in_numpy_are_those_of_torch_over_thirty_decades() -> None:
    theta, kelvin = np.logspace(-3, 5, 90)[:, None], np.concatenate([[0.0], np.logspace(-8, 8, 90)])
    for mine, theirs in ((debye, thermodynamics), (einstein, einstein_thermodynamics)):
        wanted = theirs(torch.from_numpy(theta), torch.from_numpy(kelvin))
        for found, other in zip(mine(theta, kelvin), wanted, strict=True):
            np.testing.assert_allclose(found, other.numpy(), rtol=1e-12, atol=1e-12)


def test_a_model_that_only_torch_can_run_says_why() -> None:
    spec = {
        "tokens": {"vocabulary": "compact"},
        "encoder": {"kind": "transformer", "positions": "rotary", "activation": "silu"},
    }
    assert reason_for_torch(spec) == "positions: rotary"
    assert reason_for_torch(spec | {"tokens": {"vocabulary": "cloud"}}) == "a model over the cloud vocabulary"
    spec["encoder"] = {"kind": "transformer", "positions": None, "activation": "gelu"}
    assert reason_for_torch(spec) == "activation: gelu"
    spec["encoder"] = {"kind": "transformer", "positions": None, "activation": "silu"}
    assert reason_for_torch(spec) is None


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    toy(folder, ENCODERS[0], REGRESSION)
    return folder


def header(data: bytes) -> tuple[dict[str, object], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(entries: dict[str, object], rest: bytes) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + rest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:4], "no header"),
        (lambda data: data[:-100], "lies outside of the file"),
        (lambda data: data[:8] + b"x" + data[9:], "is damaged"),
        (lambda data: data[:-4] + np.float32(np.nan).tobytes(), "not finite numbers"),
    ],
)
def test_damaged_weights_are_one_clear_message(damaged: Path, change: object, message: str) -> None:
    path = damaged / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelError, match=message):
        read_runtime(damaged)


def test_a_tensor_of_an_unknown_type_is_refused(damaged: Path) -> None:
    path = damaged / "model.safetensors"
    entries, rest = header(path.read_bytes())
    name = "encoder.norm.weight"
    entries[name] = {**entries[name], "dtype": "F8_E4M3"}  # type: ignore[dict-item]
    path.write_bytes(with_header(entries, rest))
    with pytest.raises(ModelError, match=r"encoder\.norm\.weight has the type F8_E4M3"):
        read_runtime(damaged)


def test_weights_that_do_not_fit_the_spec_are_refused(damaged: Path) -> None:
    spec = damaged / "spec.yaml"
    spec.write_text(spec.read_text().replace("layers: 2", "layers: 3"))
    with pytest.raises(ModelError, match=r"does not fit spec\.yaml: 'encoder\.layers\.2"):
        read_runtime(damaged)


@pytest.mark.parametrize("text", ["[", "just words", "name: toy\n"])
def test_a_damaged_spec_is_refused(damaged: Path, text: str) -> None:
    (damaged / "spec.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"spec\.yaml is"):
        read_runtime(damaged)


def test_a_model_of_another_version_is_named_by_both_engines(damaged: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = damaged / "model.safetensors"
    save_file({name: part for name, part in load_file(path).items() if "width_" not in name}, path)
    for read in (read_runtime, load_model):
        with pytest.raises(
            ModelError, match=r"safetensors was written by an older cloudkit, .*; build the model again"
        ):
            read(damaged)
    spec = damaged / "spec.yaml"
    spec.write_text(spec.read_text().replace("cloudkit: 1", "cloudkit: 2"))
    for read in (read_runtime, load_model):
        with pytest.raises(
            ModelError, match="has version 2 of the spec format, and this cloudkit reads version 1"
        ):
            read(damaged)


def test_safetensors_are_read_as_the_library_reads_them() -> None:
    from safetensors.numpy import load_file

    path = shipped()["thermal"] / "model.safetensors"
    mine, theirs = read_safetensors(path), load_file(path)
    assert mine.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(mine[name], array)
