import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cloudkit.report.charts import Axis, Series, chart, standalone, ticks

SVG = "{http://www.w3.org/2000/svg}"


def draw(series, x=None, y=None, **options):
    return ET.fromstring(chart(series, x or Axis("x"), y or Axis("y"), title="t", **options))


def points(element):
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", element.get("d"))]


def test_points_lie_where_the_axes_say():
    root = draw(
        [Series(np.array([0.0, 5.0, 10.0]), np.array([0.0, 50.0, 100.0]))],
        Axis("x", 0, 10),
        Axis("y", 0, 100),
    )
    (x0, y0), (x1, y1), (x2, y2) = points(root.find(f"{SVG}path"))
    assert x1 == pytest.approx((x0 + x2) / 2) and y1 == pytest.approx((y0 + y2) / 2)
    assert x2 > x0 and y2 < y0  # up is up


def test_equal_ratios_are_equal_distances_on_a_logarithmic_axis():
    root = draw([Series(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0]))], y=Axis("y", log=True))
    heights = [y for _, y in points(root.find(f"{SVG}path"))]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


def test_values_that_cannot_be_drawn_are_left_out():
    root = draw(
        [Series(np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.0, 2.0, 0.0, 5.0]))], y=Axis("y", log=True)
    )
    assert len(points(root.find(f"{SVG}path"))) == 2


def test_a_line_of_one_point_is_seen():
    path = draw([Series(np.array([1.0]), np.array([2.0]))]).find(f"{SVG}path")
    assert path.get("class") == "dots a" and path.get("d").endswith("h0")


def test_a_logarithmic_axis_of_less_than_a_decade_has_its_numbers():
    root = draw([Series(np.arange(2.0), np.array([0.07, 0.3]))], y=Axis("y", log=True))
    numbers = [float(e.text) for e in root.iter(f"{SVG}text") if e.get("text-anchor") == "end"]
    assert len(numbers) >= 3 and all(0.06 < number < 0.35 for number in numbers)


@pytest.mark.parametrize("values", [[3.0], [0.0, 0.0], [], [1e-30, 2e-30], [-1e300, 1e300]])
def test_odd_data_still_makes_a_chart_within_its_frame(values):
    root = draw([Series(np.array(values), np.array(values), "odd")])
    width, height = map(float, root.get("viewBox").split()[2:])
    for path in root.iter(f"{SVG}path"):
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points(path))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 25, [0, 5, 10, 15, 20, 25]),
        (0, 1000, [0, 200, 400, 600, 800, 1000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == expected


def test_series_are_told_apart_without_colour():
    looks = "abcde"
    text = standalone(
        chart(
            [Series(np.arange(2.0), np.arange(2.0), look, look) for look in looks],
            Axis("x"),
            Axis("y"),
            title="t",
        )
    )
    dashes = {look: re.search(rf"\.line\.{look}\{{stroke-dasharray:([^}}]*)", text) for look in looks}
    patterns = [match.group(1) if match else "solid" for match in dashes.values()]
    assert len(set(patterns)) == len(looks)


def test_names_are_escaped_and_long_ones_cut_to_the_width():
    root = draw([Series(np.arange(2.0), np.arange(2.0), "<b>&" + "x" * 200)])
    names = [element.text for element in root.iter(f"{SVG}text") if element.get("class") == "k"]
    assert names[0].startswith("<b>&") and names[0].endswith("…") and len(names[0]) < 60


def test_bars_begin_at_the_axis_and_leave_gaps():
    pairs = np.array([[1, 0.7], [1, 10], [2, 0.7], [2, 100], [4, 0.7], [4, 1]])
    root = draw([Series(*pairs.T, kind="bars")], y=Axis("y", 0.7, log=True))
    bars = root.find(f"{SVG}path")
    (x0, y0), (x1, y1), (x2, y2), (_, y3), *_ = points(bars)
    assert x0 == x1 and y0 == y2 > y1 > y3
    assert float(bars.get("stroke-width")) < x2 - x0


def test_a_whisker_joins_the_ends_of_each_interval():
    root = draw(
        [Series(np.array([1.0, 1, 2, 2]), np.array([3.0, 5, 4, 8]), "80 % interval", "e", "whiskers")]
    )
    key, whiskers = root.findall(f"{SVG}path")
    assert key.get("d").count("M") == 1 and whiskers.get("d").count("M") == 2
