"""A model: one encoder, any number of heads. `build_model` makes it from a spec, the same for the same seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.models.bert import Bert, init_bert_weights
from cloudkit.models.classification import Classification
from cloudkit.models.embedding import Statistics, SymbolEmbedding, make_embedding
from cloudkit.models.encoder import ACTIVATIONS, Encoded, Encoder
from cloudkit.models.heads import Geometry, MaskedTokens, Regression, ValueHead
from cloudkit.models.inputs import Inputs, make_inputs
from cloudkit.models.thermal import Thermal
from cloudkit.modelspec import (
    BertEncoder,
    ClassificationHead,
    FinetuneTask,
    GeometryHead,
    Head,
    MaskedTokensHead,
    RegressionHead,
    Spec,
)
from cloudkit.tokens import Tokenizer


class CloudModel(nn.Module):
    """`encoder` and `heads` by name; `inputs` lays out packed ids for it."""

    def __init__(self, spec: Spec, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec, self.tokenizer = spec, tokenizer
        seed = spec.run.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = _make_encoder(spec, tokenizer)
            self.statistics = Statistics(self.encoder.embedding)
            self.heads = nn.ModuleDict()
            for name, head in spec.heads.items():
                torch.manual_seed(seed + 1)  # a head starts the same whatever other heads there are
                self.heads[name] = _make_head(head, spec, self.encoder, self.statistics.width, tokenizer)
        self.members = nn.ModuleDict()  # of ensembles: head -> the networks besides the first
        for name, count in ensembles(spec).items():
            others = (member(spec, tokenizer, name, index) for index in range(1, count))
            self.members[name] = nn.ModuleList(HeadModel(other, name) for other in others)

    @property
    def parameters_count(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def pooled_width(self) -> int:
        """Numbers that heads read of each string."""
        return self.encoder.pooled_width + self.statistics.width

    def inputs(self, ids: NDArray[Any], offsets: NDArray[np.int64]) -> Inputs:
        """Lay out packed ids (tokens,), offsets (strings + 1,), on the device of the model."""
        kinds = self.tokenizer.kinds if self.tokenizer.name == "compact" else None
        device = next(self.parameters()).device
        encoder = self.spec.encoder
        merge = not isinstance(encoder, BertEncoder) and encoder.merge
        return make_inputs(ids, offsets, kinds, self.spec.tokens.dialect, merge).to(device)

    def kind_of(self, ids: Tensor) -> Tensor:
        """Kinds (tokens,) of compact ids, as cloudkit.models.features numbers them."""
        kinds = torch.from_numpy(self.tokenizer.kinds.astype(np.int64))
        return kinds.to(ids.device)[ids]

    def shares(self, inputs: Inputs) -> Tensor:
        """Each element token's share of the atoms of its crystal (tokens,); compact vocabulary only."""
        assert isinstance(self.encoder.embedding, SymbolEmbedding), "the cloud vocabulary has no shares"
        return self.encoder.embedding.shares(inputs)

    def value_head(self, name: str) -> ValueHead:
        """A head that predicts numbers."""
        head = self.heads[name]
        assert isinstance(head, ValueHead), f"{name} predicts no numbers"
        return head

    def forward(self, inputs: Inputs) -> Encoded:
        """States of tokens and strings; statistics of the strings follow the pooled states."""
        return _encode(self.encoder, self.statistics, inputs)

    def pooled(self, inputs: Inputs) -> Tensor:
        """What heads of values read of each string, (strings, pooled width and statistics)."""
        return _pool(self.encoder, self.statistics, inputs)

    def networks(self, head: str) -> "list[HeadModel]":
        """The networks whose mean is the value of a head: one, or those of an ensemble."""
        others = list(self.members[head]) if head in self.members else []
        return [HeadModel(self, head), *(one for one in others if isinstance(one, HeadModel))]


class HeadModel(nn.Module):
    """The encoder and one head, as training sees them; shares its parameters with the model it was cut from."""

    def __init__(self, model: CloudModel, name: str) -> None:
        super().__init__()
        self.encoder, self.statistics, self.head = model.encoder, model.statistics, model.heads[name]

    def pooled(self, inputs: Inputs) -> Tensor:
        """As CloudModel.pooled."""
        return _pool(self.encoder, self.statistics, inputs)

    def forward(self, inputs: Inputs, *rest: Tensor) -> Tensor:
        """Scores at the hidden places `rest[0]`, or values for (sequence, quantity, temperature) = `rest`."""
        if isinstance(self.head, MaskedTokens):
            states = _states_at(self.encoder, inputs, rest[0])
            scores: Tensor = self.head(states, self.encoder.embedding.table.weight)
            return scores
        values: Tensor = self.head(_pool(self.encoder, self.statistics, inputs), *rest)
        return values


class SourcedHead(HeadModel):
    """The encoder and one head while labels come from several sources: each source but the first has an offset.

    offset (sources - 1, outputs): added on the head's scale; of classes (sources - 1, classes): added to their logits; of a thermal
    head (sources - 1, 1): logarithm of a factor on all frequencies. It is learned with the rest and is not part of the model, which predicts what the first source
    measures.
    """

    def __init__(self, model: CloudModel, name: str, sources: int) -> None:
        super().__init__(model, name)
        numbers = 1 if isinstance(self.head, Thermal) else len(model.value_head(name).center)
        self.offset = nn.Parameter(torch.zeros(sources - 1, numbers))

    def forward(self, inputs: Inputs, *rest: Tensor) -> Tensor:
        """Values (observations,) for (sequence, quantity, temperature, source) = `rest`."""
        *asked, source = rest
        pooled = self.pooled(inputs)
        own = torch.cat([torch.zeros_like(self.offset[:1]), self.offset])[source]
        if isinstance(self.head, Thermal):
            values: Tensor = self.head(pooled, *asked, own[:, 0].exp())
            return values
        values = self.head(pooled, *asked)
        if isinstance(self.head, Classification):
            return values + own
        return values + own.gather(1, asked[1][:, None])[:, 0]


class MixedModel(nn.Module):
    """The encoder and several heads, as pretraining sees them; shares its parameters with the model it was cut from."""

    def __init__(self, model: CloudModel, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.statistics = model.encoder, model.statistics
        self.heads = nn.ModuleDict({name: model.heads[name] for name in names})

    def forward(self, inputs: Inputs, asked: Mapping[str, tuple[Tensor, ...]]) -> dict[str, Any]:
        """What each head says: scores at the places of a masked_tokens head, values of a regression head for (sequence,
        quantity, temperature), targets of a geometry head for the places of elements.
        """
        vectors = self.encoder.embedding.table.weight
        if len(asked) == 1 and isinstance(only := next(iter(self.heads.values())), MaskedTokens):
            ((name, (places,)),) = asked.items()
            return {name: only(_states_at(self.encoder, inputs, places), vectors)}
        found: dict[str, Any] = {}
        encoded = _encode(self.encoder, self.statistics, inputs)
        for name, head in self.heads.items():
            if isinstance(head, MaskedTokens):
                found[name] = head(encoded.states[asked[name][0]], vectors)
            elif isinstance(head, Geometry):
                found[name] = head(encoded.states[asked[name][0]], encoded.pooled)
            else:
                found[name] = head(encoded.pooled, *asked[name])
        return found


def ensembles(spec: Spec) -> dict[str, int]:
    """The heads for which a spec fine-tunes an ensemble, and how many networks are in it."""
    return {
        task.head: task.ensemble.members
        for task in spec.tasks
        if isinstance(task, FinetuneTask) and task.ensemble is not None
    }


def member(spec: Spec, tokenizer: Tokenizer, head: str, index: int) -> CloudModel:
    """One network of an ensemble, untrained: the spec with that head alone and a seed of its own."""
    run = spec.run.model_copy(update={"seed": spec.run.seed + index})
    only = {"run": run, "heads": {head: spec.heads[head]}, "tasks": []}
    return CloudModel(spec.model_copy(update=only), tokenizer)


def layer_groups(module: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of what training sees, by depth: embedding, each layer, the encoder's last norm and pooling, heads."""
    encoder = module.encoder
    assert isinstance(encoder, Encoder | Bert)
    parts = [list(part.parameters()) for part in (encoder.embedding, *encoder.layers)]
    known = {id(parameter) for part in parts for parameter in part}
    top = [parameter for parameter in encoder.parameters() if id(parameter) not in known]
    known |= {id(parameter) for parameter in top}
    return [*parts, top, [parameter for parameter in module.parameters() if id(parameter) not in known]]


def _make_encoder(spec: Spec, tokenizer: Tokenizer) -> Encoder | Bert:
    if isinstance(spec.encoder, BertEncoder):
        return Bert(spec.encoder, tokenizer.size, spec.tokens.max_length)
    return Encoder(spec.encoder, make_embedding(tokenizer, spec.encoder, spec.tokens.max_length))


def _states_at(encoder: Encoder | Bert, inputs: Inputs, places: Tensor) -> Tensor:
    """States (places, width) of some tokens, without what only the others need."""
    if isinstance(encoder, Bert):
        return encoder.at(inputs, places)
    states: Tensor = encoder(inputs).states[places]
    return states


def _pool(encoder: Encoder | Bert, statistics: Statistics, inputs: Inputs) -> Tensor:
    if isinstance(encoder, Bert):
        return encoder.pooled(inputs)
    return _encode(encoder, statistics, inputs).pooled


def _encode(encoder: Encoder | Bert, statistics: Statistics, inputs: Inputs) -> Encoded:
    encoded: Encoded = encoder(inputs)
    if isinstance(encoder, Bert):
        return encoded
    known = statistics(inputs, encoder.embedding)
    return encoded._replace(pooled=torch.cat([encoded.pooled, known.to(encoded.pooled)], dim=1))


def build_model(spec: Spec, tokenizer: Tokenizer) -> CloudModel:
    """An untrained model with the spec's encoder and heads, its weights drawn from ``run.seed``."""
    return CloudModel(spec, tokenizer)


def _make_head(
    head: Head, spec: Spec, encoder: Encoder | Bert, statistics: int, tokenizer: Tokenizer
) -> nn.Module:
    width, pooled = spec.encoder.width, encoder.pooled_width
    if isinstance(head, MaskedTokensHead):
        ordinary = sorted(set(range(tokenizer.size)) - set(_special(tokenizer)))
        known = (
            width,
            tokenizer.size,
            head.mask,
            tokenizer.mask_id,
            ordinary,
            head.hide == "orbits",
            head.tied,
        )
        if isinstance(spec.encoder, BertEncoder):
            made = MaskedTokens(*known, ACTIVATIONS[spec.encoder.activation], spec.encoder.norm_eps)
            return made.apply(init_bert_weights)
        return MaskedTokens(*known)
    if isinstance(head, GeometryHead):
        return Geometry(head.targets, width, pooled + statistics, head.hidden or width)
    if isinstance(head, RegressionHead):
        return Regression(
            head.outputs, pooled, statistics, head.hidden or width, head.transform, head.dropout
        )
    if isinstance(head, ClassificationHead):
        shape = pooled, statistics, head.hidden or width, head.dropout
        return Classification(head.output, head.classes, head.positive, head.class_weights, *shape)
    return Thermal(head.outputs, head.modes, pooled, statistics, width, head.cp_minus_cv or 0.0, head.dropout)


def _special(tokenizer: Tokenizer) -> tuple[int, ...]:
    return tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id, tokenizer.mask_id
