"""The published architecture: numbers and ids are those of transformers, both ways, and foreign checkpoints are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cloudkit.data import make_batch, read_builtin, read_crystals, tokenize
from cloudkit.errors import ModelError, SpecError
from cloudkit.models import CloudModel, HeadModel, load_model, read_published, save_model, write_published
from cloudkit.modelspec import parse_spec
from cloudkit.tokens import Tokenizer

transformers = pytest.importorskip("transformers", reason="pip install 'cloudkit-scope[test]' for the rival")

TEXTS = read_crystals(read_builtin("minerals"), dialect="reduced").texts
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Write a randomly initialised BertForMaskedLM of the published configuration, changed by keywords."""

    def make(**changes: Any) -> tuple[Any, Path]:
        torch.manual_seed(3)
        model = transformers.BertForMaskedLM(transformers.BertConfig(**changes)).eval()
        for (
            parameter
        ) in model.parameters():  # biases and norms, which start as zeros and ones, must matter too
            torch.nn.init.normal_(parameter, std=0.02 if parameter.ndim > 1 else 0.3)
        model.save_pretrained(tmp_path / "theirs")
        return model, tmp_path / "theirs"

    return make


def compare(theirs: Any, folder: Path, texts: list[str]) -> tuple[float, float]:
    """Largest difference of hidden states and of scores between transformers, padded, and cloudkit, packed."""
    ours, _ = read_published(folder)
    tokens = tokenize(texts, ours.tokenizer, 64)
    batch = make_batch(tokens, np.arange(len(texts)))
    inputs = ours.inputs(batch.ids, batch.offsets)
    ids = torch.full((len(texts), 64), ours.tokenizer.pad_id)
    real = torch.zeros(len(texts), 64, dtype=torch.int64)
    ids[inputs.sequence, inputs.position], real[inputs.sequence, inputs.position] = inputs.ids, 1
    with torch.no_grad():
        states = theirs.bert(ids, real).last_hidden_state
        scores = theirs.cls(states[:, 5])[:, :564]
        at_five = (inputs.position == 5).nonzero()[:, 0]
        mine = HeadModel(ours, "mlm")(inputs, at_five)
        difference = ours(inputs).states - states[inputs.sequence, inputs.position]
    return float(difference.abs().max()), float((mine - scores).abs().max())


@pytest.mark.parametrize(
    ("tied", "act"), [(True, "gelu"), (False, "gelu"), (True, "gelu_new"), (True, "relu")]
)
def test_states_of_a_thousand_strings_equal_those_of_transformers(
    checkpoint: Any, tied: bool, act: str
) -> None:
    theirs, folder = checkpoint(**SMALL, tie_word_embeddings=tied, hidden_act=act)
    states, scores = compare(theirs, folder, TEXTS[:1000])
    assert states < 1e-5 and scores < 1e-4


def test_states_of_the_published_configuration_equal_those_of_transformers(checkpoint: Any) -> None:
    states, _ = compare(*checkpoint(), TEXTS[:9])
    assert states < 1e-5


@pytest.mark.parametrize("tied", [True, False])
def test_there_and_back_every_weight_is_the_same(checkpoint: Any, tmp_path: Path, tied: bool) -> None:
    theirs, folder = checkpoint(**SMALL, tie_word_embeddings=tied)
    ours, notes = read_published(folder)
    assert any("29,958 of 30,522 rows" in note for note in notes)
    assert any("padding row of the weights is 0 ([CLS])" in note for note in notes)
    save_model(ours, tmp_path / "ours")
    assert not write_published(load_model(tmp_path / "ours"), tmp_path / "back")
    back = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "back").state_dict()
    unused = set() if tied else {"cls.predictions.bias"}  # an untied decoder has a bias of its own
    for name, tensor in theirs.state_dict().items():
        if name in unused:
            continue
        rows = 564 if tensor.shape[0] == 30522 else None
        assert torch.equal(back[name], tensor[:rows]), name
    again, _ = read_published(tmp_path / "back")
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in ours.state_dict().items())
    assert again.spec.encoder == ours.spec.encoder


def test_the_written_tokenizer_gives_the_same_ids(checkpoint: Any, tmp_path: Path) -> None:
    write_published(read_published(checkpoint(**SMALL)[1])[0], tmp_path / "back")
    rival, ours = transformers.AutoTokenizer.from_pretrained(tmp_path / "back"), Tokenizer("cloud")
    texts = [*TEXTS[:1000], "Na+ Cl- 0.125 Uuo ##x", "", "[MASK] | é"]
    assert rival(texts)["input_ids"] == [ours.encode(text).tolist() for text in texts]


def test_the_padding_row_of_a_converted_model_stays_as_it_is_as_an_input(checkpoint: Any) -> None:
    ours, _ = read_published(checkpoint(**SMALL, tie_word_embeddings=False)[1])
    inputs = ours.inputs(*ours.tokenizer.encode_batch(TEXTS[:3]))
    HeadModel(ours.train(), "mlm")(inputs, torch.arange(9)).square().sum().backward()
    grad = ours.encoder.embedding.table.weight.grad
    assert grad is not None and not grad[0].any() and grad[ours.tokenizer.sep_id].any()


BERT = """
cloudkit: 1
name: tiny
tokens: {dialect: DIALECT, vocabulary: VOCABULARY}
encoder: {kind: bert, layers: 2, heads: 2, width: 16, pooling: POOLING}
heads: {mlm: {kind: masked_tokens, tied: true}, gap: {kind: regression, outputs: [gap]}}
tasks: []
"""


@pytest.mark.parametrize("pooling", ["cls", "mean", "cls_mean"])
@pytest.mark.parametrize(("dialect", "vocabulary"), [("reduced", "cloud"), ("orbit", "compact")])
def test_what_heads_read_is_the_same_alone_and_in_a_batch(
    pooling: str, dialect: str, vocabulary: str
) -> None:
    text = BERT.replace("DIALECT", dialect).replace("VOCABULARY", vocabulary).replace("POOLING", pooling)
    model = CloudModel(parse_spec(text, "tiny.yaml", Path()), Tokenizer(vocabulary)).eval()
    texts = read_crystals(read_builtin("minerals"), dialect=dialect).texts[:60:7]

    def read(some: list[str]) -> torch.Tensor:
        with torch.no_grad():
            return model.pooled(model.inputs(*model.tokenizer.encode_batch(some)))

    together = read(texts)
    assert together.shape == (len(texts), model.encoder.pooled_width)
    assert torch.allclose(together, torch.cat([read([text]) for text in texts]), atol=1e-5)
    assert together.std(dim=0).min() > 1e-4
    with torch.no_grad():
        whole = model(model.inputs(*model.tokenizer.encode_batch(texts))).pooled
    assert torch.allclose(together, whole, atol=1e-6)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'; only 'bert'"),
        ({"vocab_size": 100}, "vocab_size is 100, and the published vocabulary has 564"),
        ({"vocab_size": 600}, r"word embeddings of shape \(30522, 48\), config.json says \(600, 48\)"),
        ({"hidden_act": "tanh"}, "hidden_act must be one of gelu"),
        ({"intermediate_size": 96}, r"layers.0.up.weight has another shape"),
        ({"num_hidden_layers": 2}, "hold bert.encoder.layer.2.*which BertForMaskedLM does not have"),
        ({"num_hidden_layers": 4}, "lack bert.encoder.layer.3"),
        ({"position_embedding_type": "relative_key"}, "must be 'absolute'"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be a number above 0"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_shape_is_refused(
    checkpoint: Any, changes: dict[str, Any], message: str
) -> None:
    folder = checkpoint(**SMALL)[1]
    change_config(folder, **changes)
    with pytest.raises(ModelError, match=message):
        read_published(folder)


def test_a_checkpoint_with_another_vocabulary_is_refused(checkpoint: Any) -> None:
    folder = checkpoint(**SMALL)[1]
    (folder / "vocab.txt").write_text("[CLS]\n[PAD]\n[SEP]\nthe\n")
    with pytest.raises(ModelError, match=r"gives id 3 to 'the', the published vocabulary to '\[UNK\]'"):
        read_published(folder)
    (folder / "vocab.txt").write_bytes(b"[CLS]\n\xff\n")
    with pytest.raises(ModelError, match=r"vocab\.txt is not UTF-8 text \(byte 6\)"):
        read_published(folder)


def test_a_folder_that_holds_no_weights_says_how_to_write_them(checkpoint: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a BertForMaskedLM folder"):
        read_published(tmp_path)
    folder = checkpoint(**SMALL)[1]
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model.bin is a pickle.*save_pretrained"):
        read_published(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("kind: bert", "kind: transformer, features: false"), "only encoders of kind bert"),
        (("VOCABULARY", "compact"), "compact ids need SCOPE's grammar"),
        (("mlm: {kind: masked_tokens, tied: true}, ", ""), "needs a masked_tokens head"),
    ],
)
def test_a_model_without_a_counterpart_is_not_written(
    tmp_path: Path, changes: tuple[str, str], message: str
) -> None:
    text = (
        BERT.replace(*changes)
        .replace("DIALECT", "reduced")
        .replace("VOCABULARY", "cloud")
        .replace("POOLING", "cls")
    )
    spec = parse_spec(text, "tiny.yaml", Path())
    with pytest.raises(ModelError, match=message):
        write_published(CloudModel(spec, Tokenizer(spec.tokens.vocabulary)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fewer_positions_than_tokens_are_a_mistake_in_the_spec() -> None:
    text = BERT.replace("kind: bert", "kind: bert, positions: 32").replace("DIALECT", "reduced")
    text = text.replace("VOCABULARY", "cloud").replace("POOLING", "cls")
    with pytest.raises(SpecError, match=r"encoder.positions = 32 is less than tokens.max_length = 64"):
        parse_spec(text, "tiny.yaml", Path())
