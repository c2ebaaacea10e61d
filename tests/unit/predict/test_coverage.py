"""Coverage of intervals: in all, of thirds of the crystals by width, and of kinds of crystals."""

import numpy as np
import pytest

from cloudkit.evaluate.coverage import CRYSTALS_PER_THIRD, MIN_CRYSTALS_PER_KIND, kinds_of, measure_intervals
from cloudkit.tables import generator_text

CUBIC, TRICLINIC = generator_text(225), generator_text(1)


def columns(width: np.ndarray, off: np.ndarray) -> dict[str, np.ndarray]:
    return {"target": off, "prediction": np.zeros_like(off), "lower": -width / 2, "upper": width / 2}


def test_thirds_go_by_the_mean_width_of_each_crystal() -> None:
    count = 3 * CRYSTALS_PER_THIRD
    texts = [f"{CUBIC} | Na 4a Cl 4b" + " Na 4a" * index for index in range(count) for _ in range(2)]
    width = np.repeat(np.arange(1.0, count + 1), 2)
    off = np.where(np.arange(2 * count) % 2, 0.4, 0.6) * width
    found = measure_intervals(texts, columns(width, off))
    assert found["coverage_of_80"] == 0.5
    thirds = found["intervals"]["thirds"]
    assert [one["name"] for one in thirds] == ["narrowest", "middle", "widest"]
    assert [one["crystals"] for one in thirds] == [CRYSTALS_PER_THIRD] * 3
    assert [one["coverage"] for one in thirds] == [0.5] * 3
    assert thirds[2]["mae"] == pytest.approx(thirds[0]["mae"] * (25.5 / 5.5))
    assert thirds[0]["width"] == pytest.approx(5.5)


def test_few_crystals_have_a_coverage_and_no_thirds() -> None:
    found = measure_intervals([f"{CUBIC} | Na 4a"] * 5, columns(np.ones(5), np.zeros(5)))
    assert found == {"coverage_of_80": 1.0}


def test_kinds_need_enough_crystals() -> None:
    oxides = [f"{TRICLINIC} | Na 1a" + " O 1a" * (1 + index) for index in range(MIN_CRYSTALS_PER_KIND)]
    others = [f"{CUBIC} | Na 4a" + " Cl 4b" * (1 + index) for index in range(MIN_CRYSTALS_PER_KIND - 1)]
    count = len(oxides) + len(others)
    off = np.array([0.0] * len(oxides) + [9.0] * len(others))
    found = measure_intervals(oxides + others, columns(np.ones(count), off))
    assert [(one["name"], one["crystals"], one["coverage"]) for one in found["intervals"]["kinds"]] == [
        ("oxides", MIN_CRYSTALS_PER_KIND, 1.0),
        ("triclinic", MIN_CRYSTALS_PER_KIND, 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f"{CUBIC} | Na 4a Cl 4b", ("halides", "cubic")),
        (f"{CUBIC} | Cu 4a", ("of metals alone", "cubic")),
        (f"{TRICLINIC} | Mg 1a H 1a", ("hydrides", "triclinic")),
        (f"{TRICLINIC} | C 1a N 1a O 1a", ("oxides", "triclinic")),
        ("no string", ("", "")),
    ],
)
def test_a_kind_is_the_most_electronegative_element_and_the_crystal_system(
    text: str, kinds: tuple[str, str]
) -> None:
    assert kinds_of(text) == kinds
