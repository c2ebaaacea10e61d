"""The model: packing changes nothing, orbits are a set, and a seed decides the weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cloudkit.data import Crystals, Tokens, read_builtin, read_crystals, tokenize
from cloudkit.errors import ModelError
from cloudkit.kernels import thermodynamics
from cloudkit.models import (
    CloudModel,
    HeadModel,
    load_model,
    predict_modes,
    predict_values,
    save_weights,
    vocabulary_text,
)
from cloudkit.models.embedding import SymbolEmbedding
from cloudkit.models.encoder import apply_rotary, rotary_angles
from cloudkit.models.runtime.heads import N_PARAMETERS
from cloudkit.modelspec import Spec, dump, parse_spec
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer

SPEC = """
cloudkit: 1
name: tiny
tokens: {dialect: DIALECT, vocabulary: VOCABULARY}
encoder: {kind: transformer, layers: 2, heads: 2, width: 16, features: FEATURES, pooling: POOLING}
heads:
  mlm: {kind: masked_tokens}
  thermal: {kind: thermal, modes: MODES}
  gap: {kind: regression, outputs: [gap, modulus], transform: log}
tasks: [{kind: pretrain, head: mlm, data: {builtin: minerals}}]
"""


def tiny(
    dialect: str = "orbit", vocabulary: str = "compact", pooling: str = "cls_mean", modes: str = "debye"
) -> Spec:
    features = str(vocabulary == "compact").lower()
    words = {
        "DIALECT": dialect,
        "VOCABULARY": vocabulary,
        "FEATURES": features,
        "POOLING": pooling,
        "MODES": modes,
    }
    text = SPEC
    for word, value in words.items():
        text = text.replace(word, value)
    return parse_spec(text, "tiny.yaml", Path())


def model_of(spec: Spec) -> CloudModel:
    return CloudModel(spec, Tokenizer(spec.tokens.vocabulary)).eval()


def pooled(model: CloudModel, texts: list[str]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(model.inputs(*model.tokenizer.encode_batch(texts))).pooled
    return found


@pytest.fixture(scope="module")
def minerals() -> Crystals:
    return read_crystals(read_builtin("minerals"))


@pytest.mark.parametrize("dialect", ["orbit", "reduced"])
@pytest.mark.parametrize("vocabulary", ["compact", "cloud"])
def test_a_string_means_the_same_alone_and_in_any_batch(dialect: str, vocabulary: str) -> None:
    texts = read_crystals(read_builtin("minerals"), dialect=dialect).texts[:200:9]
    model = model_of(tiny(dialect, vocabulary))
    together = pooled(model, texts)
    alone = torch.cat([pooled(model, [text]) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)
    states = together[:, : model.encoder.pooled_width]  # statistics may be the same for all
    assert states.std(dim=0).min() > 1e-4


@pytest.mark.parametrize("pooling", ["cls", "mean", "cls_mean"])
def test_the_order_of_orbits_plays_no_part_but_who_sits_where_does(pooling: str) -> None:
    group = generator_text(221)
    texts = [f"{group} | {orbits}" for orbits in ("Sr 1a Ti 1b O 3c", "O 3c Sr 1a Ti 1b", "Ti 1a Sr 1b O 3c")]
    found = pooled(model_of(tiny(pooling=pooling)), texts)
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert (found[0] - found[2]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        ("orbit", "Sr 1a Ti 1b O 3c", {"Sr": 0.2, "Ti": 0.2, "O": 0.6}),
        ("orbit", "Sr 0.5 Ba 0.25 1a Ti 1b O 3c", {"Sr": 0.5 / 4.75, "Ba": 0.25 / 4.75, "Ti": 1 / 4.75, "O": 3 / 4.75}),
        ("reduced", "1a 1b 3c | Sr 0.2 Ti 0.2 O 0.6", {"Sr": 0.2, "Ti": 0.2, "O": 0.6}),
    ],
)  # fmt: skip
def test_an_elements_share_is_its_share_of_the_atoms(
    dialect: str, body: str, expected: dict[str, float]
) -> None:
    model = model_of(tiny(dialect))
    other = "1a | Fe 1.0" if dialect == "reduced" else "Fe 1a"
    ids, offsets = model.tokenizer.encode_batch([f"{generator_text(221)} | {text}" for text in (body, other)])
    embedding = model.encoder.embedding
    assert isinstance(embedding, SymbolEmbedding)
    shares = embedding.shares(model.inputs(ids, offsets)).tolist()
    words = [model.tokenizer.vocabulary[i] for i in ids[: offsets[1]]]
    found = {word: share for word, share in zip(words, shares, strict=False) if word.isalpha()}
    assert found == pytest.approx(expected)
    assert sum(shares) == pytest.approx(2)


def test_the_same_seed_gives_the_same_weights_whatever_other_heads_there_are() -> None:
    spec = tiny()
    fewer = spec.model_copy(update={"heads": {"gap": spec.heads["gap"]}})
    other = spec.model_copy(update={"run": spec.run.model_copy(update={"seed": 5})})
    first, again, third = (model_of(s).state_dict() for s in (spec, fewer, other))
    assert all(torch.equal(first[name], tensor) for name, tensor in again.items())
    assert not torch.equal(first["heads.gap.body.1.weight"], third["heads.gap.body.1.weight"])


def test_building_a_model_does_not_touch_the_global_generator() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    model_of(tiny())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("head", ["mlm", "thermal", "gap"])
def test_every_parameter_that_a_head_uses_gets_a_finite_gradient(head: str, minerals: Crystals) -> None:
    model = CloudModel(tiny(), Tokenizer())
    inputs = model.inputs(*model.tokenizer.encode_batch(minerals.texts[:20]))
    index = torch.arange(20)
    rest = (index,) if head == "mlm" else (index, index % 2, torch.full((20,), 200.0))
    module = HeadModel(model, head)
    module(inputs, *rest).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("kind", N_PARAMETERS)
def test_an_untrained_head_starts_near_450_kelvin(kind: str, minerals: Crystals) -> None:
    spec = tiny(modes=kind)
    model = model_of(spec)
    tokens = tokenize(minerals.texts, Tokenizer(), 64)
    modes, band = predict_modes(model, "thermal", tokens)
    assert np.isnan(band).all()
    cv = modes.thermodynamics(torch.tensor([150.0, 300.0], dtype=torch.float64)).heat_capacity
    like = thermodynamics(
        torch.tensor([[520.0], [390.0]], dtype=torch.float64), torch.tensor([150.0, 300.0])
    ).heat_capacity
    assert ((cv > like[0]) & (cv < like[1])).all()


def test_predicted_heat_capacity_runs_from_zero_to_dulong_and_petit(minerals: Crystals) -> None:
    model = model_of(tiny())
    tokens = tokenize(minerals.texts, Tokenizer(), 64)
    cold = predict_values(model, "thermal", tokens, np.array([3, 3]), np.array([0, 0]), np.array([0.0, 2e4]))
    assert cold[0] == 0
    assert cold[1] == pytest.approx(24.943, abs=0.02)


def test_predictions_keep_the_order_of_strings(minerals: Crystals) -> None:
    model = model_of(tiny())
    tokens = tokenize(minerals.texts, Tokenizer(), 64)
    some = [900, 3, 2500, 41]
    ids, offsets = model.tokenizer.encode_batch([minerals.texts[i] for i in some])
    whole, part = (predict_modes(model, "thermal", which)[0] for which in (tokens, Tokens(ids, offsets)))
    torch.testing.assert_close(whole.debye[some], part.debye)


def saved(folder: Path) -> CloudModel:
    model = model_of(tiny())
    (folder / "spec.yaml").write_text(dump(model.spec))
    (folder / "vocab.txt").write_text(vocabulary_text(model.tokenizer))
    save_weights(model.state_dict(), folder / "model.safetensors")
    return model


def test_a_saved_model_predicts_the_same(tmp_path: Path, minerals: Crystals) -> None:
    model, texts = saved(tmp_path), minerals.texts[:9]
    assert torch.equal(pooled(model, texts), pooled(load_model(tmp_path), texts))


def test_a_folder_that_is_no_model_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_model(tmp_path / "gone")
    with pytest.raises(ModelError, match=r"spec.yaml, model.safetensors, vocab.txt missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", b"\x00" * 40, "model.safetensors is damaged"),
        ("vocab.txt", b"[CLS]\n", "is not the compact vocabulary"),
        ("spec.yaml", b"cloudkit: 1\nname: [", "spec.yaml is damaged"),
    ],
)
def test_a_damaged_file_of_a_model_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    saved(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)


@pytest.mark.parametrize("change", ["cut", "nan", "shape", "missing"])
def test_weights_that_are_cut_off_or_do_not_fit_are_refused(tmp_path: Path, change: str) -> None:
    model = saved(tmp_path)
    path, weights = tmp_path / "model.safetensors", dict(model.state_dict())
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        name = "encoder.norm.weight"
        tensor = weights.pop(name)
        weights |= {"nan": {name: tensor * torch.nan}, "shape": {name: tensor[:-1]}, "missing": {}}[change]
        save_weights(weights, path)
    with pytest.raises(ModelError, match="damaged" if change in ("cut", "nan") else "does not fit"):
        load_model(tmp_path)


CHOICES = (
    {}, {"norm": "rms"}, {"gated": "false", "activation": "gelu"}, {"positions": "learned"}, {"positions": "rotary"},
)  # fmt: skip


@pytest.mark.parametrize("vocabulary", ["compact", "cloud"])
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_packing_changes_nothing_whatever_the_layers_are_made_of(
    vocabulary: str, choice: dict[str, str]
) -> None:
    model = chosen(vocabulary, choice)
    texts = read_builtin("minerals").text("scope")[:5]
    alone = torch.cat([pooled(model, [text]) for text in texts])
    assert torch.allclose(pooled(model, texts), alone, atol=1e-5)


@pytest.mark.parametrize("positions", ["none", "learned", "rotary"])
def test_the_order_of_orbits_counts_only_where_positions_are_known(positions: str) -> None:
    model = chosen("compact", {"positions": positions})
    orbits = ["Na 4a", "Cl 4b", "O 8c"]
    texts = [f"{generator_text(225)} | {' '.join(some)}" for some in (orbits, orbits[::-1])]
    first, second = pooled(model, texts)
    assert torch.allclose(first, second, atol=1e-5) == (positions == "none")


def test_rotary_positions_see_distances_alone() -> None:
    """Products of apply_rotary vectors are the same wherever the two places lie."""
    vectors = torch.randn(2, 2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def product(places: list[int]) -> float:
        query, key = apply_rotary(vectors, rotary_angles(torch.tensor(places), 8, torch.float64))[:, 0, 0]
        return float(query @ key)

    assert product([3, 8]) == pytest.approx(product([40, 45]), rel=1e-5)
    assert product([3, 8]) != pytest.approx(product([3, 9]), rel=1e-2)


def chosen(vocabulary: str, choice: dict[str, str]) -> CloudModel:
    spec = dump(tiny(vocabulary=vocabulary))
    changes = [f"encoder.{key}={value}" for key, value in choice.items()]
    return model_of(parse_spec(spec, "tiny.yaml", Path(), changes))
