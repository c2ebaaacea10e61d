"""Colours of the page can be read on their grounds, light and dark (WCAG 2, level AA: a contrast of 4.5)."""

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).resolve().parents[2] / "docs/playground/page.css").read_text(encoding="utf-8")
TEXT = ("quiet", "generators", "element", "fraction", "wyckoff", "bad", "doubt", "fill")
PAGES = {"light": "#ffffff", "dark": "#1e2129"}  # grounds of the theme


def colours() -> dict[str, dict[str, str]]:
    """The names and values of both palettes."""
    light, dark = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", line)) for line in STYLE.splitlines() if "--line:" in line
    )
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", PAGES)
def test_texts_have_contrast(scheme: str) -> None:
    palette = colours()[scheme]
    for name in TEXT:
        for ground in (PAGES[scheme], palette["ground"]):
            assert contrast(palette[name], ground) >= 4.5, (name, ground)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
