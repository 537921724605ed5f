"""A report in the UI: the verdict first, sentences, a table, charts; nothing else, and nothing of a case."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree as ET

from fulcrum.drift import CheckVerdict, Overall, Share, Spread, markdown
from fulcrum.drift.charts import bars, strips
from tests.fulcrum.drift.made import cases, check, judged

REFERENCE = cases(600, seed=1)
GERMAN = [
    case if index % 3 else replace(case, categories={**case.categories, "input language": "de"})
    for index, case in enumerate(cases(300, seed=2))
]
IMAGE = re.compile(r"!\[((?:[^\]\\]|\\.)*)\]\(data:image/svg\+xml;base64,([\w+/=]+)\)")


def svg(uri: str) -> ET.Element:
    return ET.fromstring(b64decode(uri.partition(",")[2]))  # noqa: S314 - drawn by the code under test


def test_the_verdict_comes_first_then_what_was_found() -> None:
    """The title, the verdict in a sentence, the findings as sentences, then every check as a row."""
    report = judged(REFERENCE, GERMAN)
    text = markdown(report, "ticket-triage: drift")
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "# ticket-triage: drift"
    assert lines[1].startswith("**Drifted: ")
    assert "300 new cases against 600 of the reference" in lines[1]
    assert lines[2] == "## Findings"
    assert any(re.match(r"- Cases in German rose from \d% to 3\d%", line) for line in lines)
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == len(report.checks) + 2
    assert rows[2].startswith("| input language | drifted | Cases in German rose")


def test_each_overall_verdict_has_its_sentence() -> None:
    """Whatever the verdict, the first sentence begins with it."""
    report = judged(REFERENCE, cases(60, seed=4))
    for overall in Overall:
        said = markdown(replace(report, overall=overall), "t").splitlines()[2]
        assert said.startswith(f"**{overall.value.capitalize()}: ")


def test_each_judged_check_has_a_chart_with_words_in_its_place() -> None:
    """Checks with shares or a spread have an image that is XML, with the sentence as its alternative text."""
    report = judged(REFERENCE, GERMAN)
    found = IMAGE.findall(markdown(report, "t"))
    assert len(found) == sum(bool(each.shares or each.spread) for each in report.checks)
    for alternative, data in found:
        assert alternative
        assert ET.fromstring(b64decode(data)).tag.endswith("svg")  # noqa: S314 - drawn by the code under test


def test_names_cannot_break_the_table() -> None:
    """A name with marks of Markdown, HTML or a line break stays within its cell, as letters."""
    odd = "a | b\n<img src=x> `c` [d](e)"
    window = [replace(case, categories={"output label": odd}) for case in cases(100, seed=5)]
    report = judged([replace(case, categories={"output label": "plain"}) for case in REFERENCE], window)
    assert check(report, "output label").verdict is CheckVerdict.DRIFTED
    rows = [line for line in markdown(report, odd).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}
    assert "<img" not in markdown(report, odd).replace("\\<", "")


def test_bars_are_as_long_as_the_shares() -> None:
    """The bars of before and now stand in the relation of the shares."""
    drawn = svg(bars((Share("a&b", 0.2, 0.4), Share("a name that is too long for it", 0.1, 0.0))))
    lengths = [float(each.get("width", 0)) for each in drawn if each.tag.endswith("rect")]
    assert lengths[1] == 2 * lengths[0] == 4 * lengths[2]
    assert lengths[3] == 0
    assert [each.text for each in drawn if each.tag.endswith("text")][:2] == ["a&b", "20.0%"]


def test_strips_have_their_ticks_where_the_medians_are() -> None:
    """Both strips share a scale: the same figure is at the same place, a larger one further to the right."""
    drawn = svg(strips(Spread((1, 2, 3, 4, 5), (1, 2, 4, 5, 9))))
    starts = [float(each.get("d", "")[1:].split()[0]) for each in drawn if each.tag.endswith("path")]
    assert starts[0] == starts[3]
    assert starts[2] < starts[5]


def test_strips_of_one_figure_can_be_drawn() -> None:
    """Where all figures are the same, or as large as there are, there is still a chart."""
    for figure in (0.0, 7.0, 1.7e308, -1.7e308):
        assert svg(strips(Spread((figure,) * 5, (figure,) * 5))).tag.endswith("svg")
    assert svg(strips(Spread((-1.7e308, 0, 0, 0, 1.7e308), (0, 0, 0, 0, 0)))).tag.endswith("svg")
