"""Trend charts: a figure day by day between its natural limits, as SVG that needs nothing else.

Altair writes the Vega-Lite specification and vl-convert draws it within this process: no browser, no network.
"""

from __future__ import annotations

import base64
import re
from html import escape
from typing import Any

from fulcrum.scoreboard.board import Trend
from fulcrum.scoreboard.wording import counted, figure

WIDE, NARROW, HEIGHT = 640, 300, 150
"""Pixels of the plot: for a desk, for a phone, whose reader could not read a desk's made small."""

INK, QUIET, LINE, OUT = "#010203", "#040506", "#070809", "#0a0b0c"
"""Stand-ins for the colours: the reader's screen says what each becomes, by a variable of the page."""
COLOURS = {
    INK: ("--ink", "#1c2128", "#e3e8ee"),
    QUIET: ("--quiet", "#57606a", "#9aa5b1"),
    LINE: ("--trend", "#1d4ed8", "#93c5fd"),
    OUT: ("--out", "#b45309", "#fbbf24"),
}
"""By stand-in: the variable, and its value on light and on dark."""

SVG = "http://www.w3.org/2000/svg"
"""The name of the format; nothing is loaded from there."""

_SCALES = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("seconds", 1.0))
_SIZED = re.compile(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>')


def svg(trend: Trend, *, width: int = WIDE) -> str:
    """Draw a trend as an SVG for a page; its colours are the page's variables, its alt text is `alt`."""
    drawn = _draw(trend, width)
    for stand_in, (variable, _, _) in COLOURS.items():
        drawn = drawn.replace(stand_in, f"var({variable})")
    return _named(drawn, trend)


def picture(trend: Trend) -> str:
    """Draw a trend as a data URI of an SVG that brings its colours along, light and dark."""
    light = ";".join(f"{variable}:{value}" for variable, value, _ in COLOURS.values())
    dark = ";".join(f"{variable}:{value}" for variable, _, value in COLOURS.values())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    whole = svg(trend).replace("</title>", f"</title>{style}", 1)
    return f"data:image/svg+xml;base64,{base64.b64encode(whole.encode()).decode()}"


def alt(trend: Trend) -> str:
    """Say in words what a chart shows."""
    if not trend.points:
        return f"{trend.title}: no figures yet"
    first, last = trend.points[0][0], trend.points[-1][0]
    outside = counted(len(trend.out), "day") + " outside" if trend.out else "no day outside"
    return (
        f"{trend.title} from {first.day} {first:%b} to {last.day} {last:%b %Y}: "
        f"centre {figure(trend.centre, trend.unit)}, natural limits {figure(trend.low, trend.unit)} to "
        f"{figure(trend.high, trend.unit)}, {outside}, last {figure(trend.points[-1][1], trend.unit)}"
    )


def _draw(trend: Trend, width: int) -> str:
    import vl_convert  # noqa: PLC0415 - only who draws loads its 80 MB

    # No address is allowed, so that nothing could be fetched even by a specification that asked for it.
    drawn: str = vl_convert.vegalite_to_svg(_specification(trend, width), allowed_base_urls=[])
    return drawn


def _specification(trend: Trend, width: int) -> dict[str, Any]:
    import altair as alt  # noqa: PLC0415 - a second to import, and only drawing needs it

    name, scale = _scale(trend)
    outside = set(trend.out)
    values = [
        {"day": f"{day.isoformat()}T12:00", "value": value / scale, "out": place in outside}
        for place, (day, value) in enumerate(trend.points)
    ]
    days = alt.X(
        "day:T", axis=alt.Axis(title=None, format="%-d %b", tickCount=max(3, width // 110), grid=False, labelFlush=True)
    )
    heights = alt.Y(
        "value:Q",
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(title=name, tickCount=4, grid=False, titleAngle=0, titleAlign="left", titleY=-8, titleX=0),
    )
    lines = alt.Chart(_data(values)).encode(x=days, y=heights)
    inside, beyond = "datum.out === false", "datum.out === true"
    layers = [
        _rule(trend.low / scale, dashed=True),
        _rule(trend.high / scale, dashed=True),
        _rule(trend.centre / scale, dashed=False),
        lines.mark_line(color=LINE, strokeWidth=1.75, clip=False),
        lines.transform_filter(inside).mark_point(color=LINE, filled=True, size=26, opacity=1),
        lines.transform_filter(beyond).mark_point(color=OUT, filled=True, size=110, shape="diamond", opacity=1),
    ]
    chart = alt.layer(*layers).properties(width=width, height=HEIGHT, background="transparent", padding=4)
    told: dict[str, Any] = chart.configure(**_CONFIG).to_dict()
    return told


def _rule(height: float, *, dashed: bool) -> Any:
    import altair as alt  # noqa: PLC0415 - see above

    look: dict[str, Any] = {"strokeDash": [4, 4]} if dashed else {}
    rule = alt.Chart(_data([{"value": height}])).mark_rule(color=QUIET, strokeWidth=1, **look)
    return rule.encode(y="value:Q")


def _data(values: list[dict[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415 - see above

    return alt.Data(values=values)  # type: ignore[no-untyped-call] # its generated classes have no types


_CONFIG: dict[str, Any] = {
    "font": "system-ui, Segoe UI, Roboto, Liberation Sans, Arial, sans-serif",
    "aria": False,
    "axis": {
        "labelColor": QUIET, "titleColor": QUIET, "domainColor": QUIET, "tickColor": QUIET, "labelFontSize": 12,
        "titleFontSize": 12, "titleFontWeight": "normal", "domainOpacity": 0.5, "tickOpacity": 0.5,
    },
    "view": {"stroke": None},
}  # fmt: skip


def _scale(trend: Trend) -> tuple[str, float]:
    """Choose the unit of the axis: of times the one that suits the largest, of shares percent."""
    if trend.unit == "share":
        return "%", 0.01
    if trend.unit != "s":
        return {"ratio": "times"}.get(trend.unit, trend.unit), 1.0
    most = max([trend.high, *(value for _, value in trend.points)])
    return next(((name, size) for name, size in _SCALES if most >= 2 * size), _SCALES[-1])


def _named(drawn: str, trend: Trend) -> str:
    """Let the picture scale with its place, and give it its alt text."""
    said = escape(alt(trend), quote=True)
    named = f'role="img" aria-label="{said}"><title>{said}</title>'
    return _SIZED.sub(lambda found: f'<svg xmlns="{SVG}" viewBox="{found[1]}" {named}', drawn, count=1)
