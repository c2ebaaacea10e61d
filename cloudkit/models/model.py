"""A model: one encoder, any number of heads, initialized from a spec and its seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.models.bert import Bert, init_bert_weights
from cloudkit.models.classification import Classification
from cloudkit.models.embedding import Statistics, make_embedding
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
    """An encoder with its heads, untrained and on the CPU at first.

    Attributes
    ----------
    spec, tokenizer : Spec, Tokenizer
        What it was built from.
    encoder : Encoder or Bert
        Inputs -> states.
    heads : ModuleDict
        Heads by name.
    members : ModuleDict
        Further networks of heads that are ensembles.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> inputs = model.inputs(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> model.pooled(inputs).shape, model.pooled_width
    (torch.Size([1, 435]), 435)
    """

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
                torch.manual_seed(seed + 1)  # initial weights do not depend on other heads
                self.heads[name] = _make_head(head, spec, self.encoder, self.statistics.width, tokenizer)
        self.members = nn.ModuleDict()  # head -> networks of its ensemble, without the first
        for name, count in ensemble_sizes(spec).items():
            others = (build_member(spec, tokenizer, name, index) for index in range(1, count))
            self.members[name] = nn.ModuleList(HeadModel(other, name) for other in others)

    @property
    def parameters_count(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def pooled_width(self) -> int:
        """Input width of value heads."""
        return self.encoder.pooled_width + self.statistics.width

    def inputs(self, ids: NDArray[Any], offsets: NDArray[np.int64]) -> Inputs:
        """Lay out packed ids (tokens,) with offsets (strings + 1,), on the device of the model."""
        kinds = self.tokenizer.kinds if self.tokenizer.name == "compact" else None
        device = next(self.parameters()).device
        encoder = self.spec.encoder
        merge = not isinstance(encoder, BertEncoder) and encoder.merge
        return make_inputs(ids, offsets, kinds, self.spec.tokens.dialect, merge).to(device)

    def token_kinds(self, ids: Tensor) -> Tensor:
        """Return the kinds (tokens,) of compact ids, constants of cloudkit.models.features."""
        kinds = torch.from_numpy(self.tokenizer.kinds.astype(np.int64))
        return kinds.to(ids.device)[ids]

    def value_head(self, name: str) -> ValueHead:
        """Return a head that predicts numbers."""
        head = self.heads[name]
        assert isinstance(head, ValueHead), f"{name} does not predict numbers"
        return head

    def forward(self, inputs: Inputs) -> Encoded:
        """Return states of tokens, and pooled states of strings followed by their statistics."""
        return _encode(self.encoder, self.statistics, inputs)

    def pooled(self, inputs: Inputs) -> Tensor:
        """Return the inputs of value heads (strings, pooled_width): pooled states followed by statistics."""
        return _pool(self.encoder, self.statistics, inputs)

    def networks(self, head: str) -> "list[HeadModel]":
        """Return the networks that a head averages: one, or those of its ensemble."""
        others = list(self.members[head]) if head in self.members else []
        return [HeadModel(self, head), *(network for network in others if isinstance(network, HeadModel))]


class HeadModel(nn.Module):
    """The encoder and one head, for training; shares its parameters with the model.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> inputs = model.inputs(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> zero = torch.zeros(1, dtype=torch.int64)  # string 0, output 0
    >>> HeadModel(model, "elastic")(inputs, zero, zero, torch.zeros(1)).shape
    torch.Size([1])
    """

    def __init__(self, model: CloudModel, name: str) -> None:
        super().__init__()
        self.encoder, self.statistics, self.head = model.encoder, model.statistics, model.heads[name]

    def pooled(self, inputs: Inputs) -> Tensor:
        """Return the inputs of value heads, as `CloudModel.pooled` does."""
        return _pool(self.encoder, self.statistics, inputs)

    def forward(self, inputs: Inputs, *rest: Tensor) -> Tensor:
        """Return logits at the masked positions `rest[0]`, or values for (sequence, quantity, temperature) = `rest`."""
        if isinstance(self.head, MaskedTokens):
            states = _states_at(self.encoder, inputs, rest[0])
            scores: Tensor = self.head(states, self.encoder.embedding.table.weight)
            return scores
        values: Tensor = self.head(_pool(self.encoder, self.statistics, inputs), *rest)
        return values


class MultiSourceModel(HeadModel):
    """The encoder and one head, for labels from several sources: each source but the first has a learned offset.

    The offsets are not part of the model, which predicts labels of the first source.

    Attributes
    ----------
    offset : Parameter
        (sources - 1, outputs), added to standardized predictions, or to logits of classes; for thermal heads (sources - 1, 1),
        logarithm of a factor on all frequencies.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> MultiSourceModel(load_model(shipped()["elastic"]), "elastic", sources=3).offset.shape
    torch.Size([2, 2])
    """

    def __init__(self, model: CloudModel, name: str, sources: int) -> None:
        super().__init__(model, name)
        numbers = 1 if isinstance(self.head, Thermal) else len(model.value_head(name).center)
        self.offset = nn.Parameter(torch.zeros(sources - 1, numbers))

    def forward(self, inputs: Inputs, *rest: Tensor) -> Tensor:
        """Return values (observations,) for (sequence, quantity, temperature, source) = `rest`."""
        *queries, source = rest
        pooled = self.pooled(inputs)
        offset = torch.cat([torch.zeros_like(self.offset[:1]), self.offset])[source]
        if isinstance(self.head, Thermal):
            values: Tensor = self.head(pooled, *queries, offset[:, 0].exp())
            return values
        values = self.head(pooled, *queries)
        if isinstance(self.head, Classification):
            return values + offset
        return values + offset.gather(1, queries[1][:, None])[:, 0]


class MultiTaskModel(nn.Module):
    """The encoder and several heads, for pretraining; shares its parameters with the model.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> list(MultiTaskModel(load_model(shipped()["electronic"]), ["electronic", "metal"]).heads)
    ['electronic', 'metal']
    """

    def __init__(self, model: CloudModel, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.statistics = model.encoder, model.statistics
        self.heads = nn.ModuleDict({name: model.heads[name] for name in names})

    def forward(self, inputs: Inputs, queries: Mapping[str, tuple[Tensor, ...]]) -> dict[str, Any]:
        """Return the outputs of each head for its queries.

        masked_tokens: (positions,) -> logits; geometry: (positions of elements,) -> targets; value heads: (sequence, quantity,
        temperature) -> values.
        """
        vectors = self.encoder.embedding.table.weight
        if len(queries) == 1 and isinstance(only := next(iter(self.heads.values())), MaskedTokens):
            ((name, (positions,)),) = queries.items()
            return {name: only(_states_at(self.encoder, inputs, positions), vectors)}
        outputs: dict[str, Any] = {}
        encoded = _encode(self.encoder, self.statistics, inputs)
        for name, head in self.heads.items():
            if isinstance(head, MaskedTokens):
                outputs[name] = head(encoded.states[queries[name][0]], vectors)
            elif isinstance(head, Geometry):
                outputs[name] = head(encoded.states[queries[name][0]], encoded.pooled)
            else:
                outputs[name] = head(encoded.pooled, *queries[name])
        return outputs


def ensemble_sizes(spec: Spec) -> dict[str, int]:
    """Return the number of networks of each head that a spec fine-tunes as an ensemble."""
    return {
        task.head: task.ensemble.members
        for task in spec.tasks
        if isinstance(task, FinetuneTask) and task.ensemble is not None
    }


def build_member(spec: Spec, tokenizer: Tokenizer, head: str, index: int) -> CloudModel:
    """Initialize one network of an ensemble: the encoder and one head, with seed ``run.seed + index``.

    Parameters
    ----------
    spec : Spec
        Spec of the model.
    tokenizer : Tokenizer
        Its tokenizer.
    head : str
        Head of the ensemble.
    index : int
        Index of the network; 0 is the model itself.

    Returns
    -------
    CloudModel
        With this head only.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["electronic"])
    >>> list(build_member(model.spec, model.tokenizer, "metal", 1).heads)
    ['metal']
    """
    run = spec.run.model_copy(update={"seed": spec.run.seed + index})
    only = {"run": run, "heads": {head: spec.heads[head]}, "tasks": []}
    return CloudModel(spec.model_copy(update=only), tokenizer)


def layer_groups(module: nn.Module) -> list[list[nn.Parameter]]:
    """Group parameters by depth, for layer-wise learning rates.

    Parameters
    ----------
    module : Module
        A HeadModel or MultiTaskModel.

    Returns
    -------
    list of list of Parameter
        Embedding, each layer, last norm and pooling of the encoder, heads.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> len(layer_groups(HeadModel(model, "elastic"))) == 3 + len(model.encoder.layers)
    True
    """
    encoder = module.encoder
    assert isinstance(encoder, Encoder | Bert)
    groups = [list(part.parameters()) for part in (encoder.embedding, *encoder.layers)]
    grouped = {id(parameter) for group in groups for parameter in group}
    top = [parameter for parameter in encoder.parameters() if id(parameter) not in grouped]
    grouped |= {id(parameter) for parameter in top}
    return [*groups, top, [parameter for parameter in module.parameters() if id(parameter) not in grouped]]


def _make_encoder(spec: Spec, tokenizer: Tokenizer) -> Encoder | Bert:
    if isinstance(spec.encoder, BertEncoder):
        return Bert(spec.encoder, tokenizer.size, spec.tokens.max_length)
    return Encoder(spec.encoder, make_embedding(tokenizer, spec.encoder, spec.tokens.max_length))


def _states_at(encoder: Encoder | Bert, inputs: Inputs, positions: Tensor) -> Tensor:
    """Return the states (positions, width) of some tokens; Bert skips its last layer for the others."""
    if isinstance(encoder, Bert):
        return encoder.states_at(inputs, positions)
    states: Tensor = encoder(inputs).states[positions]
    return states


def _pool(encoder: Encoder | Bert, statistics: Statistics, inputs: Inputs) -> Tensor:
    if isinstance(encoder, Bert):
        return encoder.pooled(inputs)
    return _encode(encoder, statistics, inputs).pooled


def _encode(encoder: Encoder | Bert, statistics: Statistics, inputs: Inputs) -> Encoded:
    encoded: Encoded = encoder(inputs)
    if isinstance(encoder, Bert):
        return encoded
    columns = statistics(inputs, encoder.embedding)
    return encoded._replace(pooled=torch.cat([encoded.pooled, columns.to(encoded.pooled)], dim=1))


def _make_head(
    head: Head, spec: Spec, encoder: Encoder | Bert, statistics: int, tokenizer: Tokenizer
) -> nn.Module:
    width, pooled = spec.encoder.width, encoder.pooled_width
    if isinstance(head, MaskedTokensHead):
        special = {
            tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id, tokenizer.mask_id
        }  # fmt: skip
        ordinary = sorted(set(range(tokenizer.size)) - special)
        arguments = (
            width,
            tokenizer.size,
            head.mask,
            tokenizer.mask_id,
            ordinary,
            head.hide == "orbits",
            head.tied,
        )
        if isinstance(spec.encoder, BertEncoder):
            masked = MaskedTokens(*arguments, ACTIVATIONS[spec.encoder.activation], spec.encoder.norm_eps)
            return masked.apply(init_bert_weights)
        return MaskedTokens(*arguments)
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
