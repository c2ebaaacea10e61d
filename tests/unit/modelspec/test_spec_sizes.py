"""Sizes by name, and keys written next to them."""

import re
from pathlib import Path

import pytest

from cloudkit.errors import SpecError
from cloudkit.modelspec import Spec, dump, load_spec, parse_spec
from cloudkit.modelspec.spec import SIZES


def encoder(*changes: str) -> dict[str, object]:
    spec: Spec = load_spec("scaling", ["sweep=null", *changes], check_files=False)
    return spec.encoder.model_dump()


@pytest.mark.parametrize("size", SIZES)
def test_a_size_stands_for_layers_heads_and_widths(size: str) -> None:
    found = encoder(f"encoder.size={size}")
    assert {key: found[key] for key in SIZES[size]} == SIZES[size]
    assert SIZES[size]["width"] % SIZES[size]["heads"] == 0


def test_numbers_given_beside_a_size_win() -> None:
    found = encoder("encoder.size=small", "encoder.width=64")
    assert (found["width"], found["layers"]) == (64, SIZES["small"]["layers"])


def test_a_resolved_spec_with_a_size_reads_back_as_itself() -> None:
    spec = load_spec("scaling", ["encoder.size=base", "encoder.layers=2"])
    assert parse_spec(dump(spec), "spec.yaml", Path()) == spec


def test_an_unknown_size_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"encoder.size must be tiny, small.*did you mean 'small'"):
        encoder("encoder.size=smal")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["encoder.merge=true", "encoder.positions=rotary"],
         "--set:3  encoder.positions = 'rotary': merged orbits have no order; set it to none, or encoder.merge = false"),
        (["encoder.width=20", "encoder.positions=rotary"],
         "--set:3  encoder.positions = 'rotary' needs an even width per head, but 20 / 4 = 5"),
        (["tokens.vocabulary=cloud", "encoder.features=false", "encoder.merge=true"],
         "--set:4  encoder.merge = true needs tokens.vocabulary = 'compact'"),
    ],
)  # fmt: skip
def test_positions_and_tokens_that_do_not_fit_are_refused(changes: list[str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        encoder(*changes)
    assert re.sub(r"(--set:\d+):\d+", r"\1", str(caught.value)) == message


def test_an_even_width_per_head_goes_with_rotary_positions() -> None:
    assert encoder("encoder.width=16", "encoder.positions=rotary")["positions"] == "rotary"
