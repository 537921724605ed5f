"""Trend charts: drawn without a network, readable on light and dark."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from fulcrum.scoreboard import charts
from tests.boards import trend


def test_a_chart_is_sound_svg_in_the_pages_colours() -> None:
    """It is XML, scales with its place, and each of its colours is a variable of the page."""
    drawn = charts.svg(trend())
    root = ET.fromstring(drawn)  # noqa: S314 - our own picture
    assert root.tag == f"{{{charts.SVG}}}svg"
    assert "width" not in root.attrib
    assert set(re.findall(r'(?:stroke|fill)="([^"]+)"', drawn)) <= {
        "none", "transparent", *(f"var({variable})" for variable, _, _ in charts.COLOURS.values()),
    }  # fmt: skip


def test_a_day_outside_has_another_shape() -> None:
    """The point outside the limits is drawn in a colour and a shape of its own, and only where there is one."""
    outside = f"var({charts.COLOURS[charts.OUT][0]})"
    assert outside in charts.svg(trend())
    assert outside not in charts.svg(replace(trend(), out=()))


def test_a_narrow_chart_is_for_a_phone() -> None:
    """Its letters are as large, on less than half the width."""
    wide, narrow = (charts.svg(trend(), width=width) for width in (charts.WIDE, charts.NARROW))
    widths = [float(ET.fromstring(each).attrib["viewBox"].split()[2]) for each in (wide, narrow)]  # noqa: S314
    assert widths[1] < 360 < widths[0]
    assert {"12px"} == set(re.findall(r'font-size="([^"]+)"', wide + narrow))


def test_a_picture_brings_its_colours_along() -> None:
    """Where no page gives the colours, the picture has its own for light and for dark, and loads nothing."""
    uri = charts.picture(trend())
    assert uri.startswith("data:image/svg+xml;base64,")
    drawn = base64.b64decode(uri.partition(",")[2]).decode()
    ET.fromstring(drawn)  # noqa: S314
    assert "prefers-color-scheme:dark" in drawn
    assert set(re.findall(r"https?://[^\s\"'<]+", drawn)) <= {charts.SVG, "http://www.w3.org/1999/xlink"}


def test_a_hostile_title_stays_text() -> None:
    r"""A title with markup or a backslash is alt text, word for word."""
    hostile = '</title><script>alert(1)</script>" onload="x \\1 \\g<0>'
    root = ET.fromstring(charts.svg(replace(trend(), title=hostile)))  # noqa: S314
    assert root.attrib["aria-label"].startswith(hostile)
    assert "onload" not in root.attrib
    assert not [each for each in root.iter() if each.tag.endswith("script")]


@pytest.mark.parametrize(("unit", "axis"), [("s", "hours"), ("EUR", "EUR"), ("share", "%"), ("ratio", "times")])
def test_the_axis_names_its_unit(unit: str, axis: str) -> None:
    """Times are in a unit that suits them, shares in percent, money in its currency."""
    assert f">{axis}<" in charts.svg(replace(trend(), unit=unit))


def test_alt_text_says_the_figures() -> None:
    """Who does not see the chart hears its centre, its limits and how many days are outside."""
    assert charts.alt(trend()) == (
        "Cycle time, median of a day from 19 Oct to 13 Nov 2026: centre 5 h, natural limits 66.7 min to 8.9 h, "
        "1 day outside, last 4 h"
    )
    assert charts.alt(replace(trend(), points=())) == "Cycle time, median of a day: no figures yet"
