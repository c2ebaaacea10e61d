"""The encoder of the published model as part of a spec: every choice of BERT's configuration is a key."""

from typing import Annotated, Literal

from pydantic import Field

from cloudkit.modelspec.base import Count, Part, Positive, Share

Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]


class BertEncoder(Part):
    """The published post-norm transformer (Devlin 2018), parameter for parameter; defaults are the published values."""

    kind: Literal["bert"] = Field(description="kind of encoder")
    layers: Count = Field(default=12, description="number of transformer layers")
    heads: Count = Field(default=12, description="attention heads per layer; must divide width")
    width: Count = Field(default=768, description="size of a token's vector")
    feedforward: Count | None = Field(
        default=None, description="width of the feed-forward layer; null: 4 times width"
    )
    activation: Activation = Field(
        default="gelu", description="between the two feed-forward maps, and in the masked_tokens head"
    )
    dropout: Share = Field(default=0.1, description="share of values dropped while training")
    attention_dropout: Share = Field(
        default=0.1, description="share of attention weights dropped while training"
    )
    norm_eps: Positive = Field(default=1e-12, description="added to the variance in layer normalization")
    positions: Count | None = Field(
        default=None, description="learned positions; null: as many as tokens.max_length"
    )
    token_types: Count = Field(
        default=2, description="rows of the table of token types, of which strings use the first"
    )
    padding_row: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="token whose vector is never trained, as torch's padding_idx; null: none"
    )
    pooling: Literal["cls", "mean", "cls_mean"] = Field(
        default="cls", description="what heads read: the first token, the mean of all, or both"
    )
