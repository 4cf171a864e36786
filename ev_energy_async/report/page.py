"""The page of a report: one file that holds its data, its styles and the programs that draw it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async._extras import extra

with extra("report", __name__, "altair", "vl_convert"):
    import altair as alt
    import vl_convert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ev_energy_async.report.charts import Cell, Picture
    from ev_energy_async.report.facts import Facts

__all__ = ["page_of"]

_PAGE: Final = Path(__file__).with_name("page.html")


def page_of(title: str, pictures: Iterable[Picture], facts: Facts) -> str:
    """Return the page of some pictures."""
    shown = list(pictures)
    specs = {f"{each.name}-{number}": spec for each in shown for number, spec in enumerate(each.specs)}
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    # Without a snippet the bundle is ready made; its stub asks for one.
    bundle: Any = vl_convert.javascript_bundle
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        made=f"{facts.now:%Y-%m-%d %H:%M} UTC, from the {html.escape(facts.source)}",
        figures="".join(_figure(name, value) for name, value in _figures(facts)),
        sections="".join(map(_section, shown)),
        program=bundle(vl_version=version),
        # Nothing in a string may end the script or begin another (HTML, section 4.12.1.3).
        specs=json.dumps(specs, separators=(",", ":")).replace("<", "\\u003c"),
    )


def _figures(facts: Facts) -> list[tuple[str, str]]:
    total = len(facts.ages)
    made = [("vehicles", f"{total:,}")]
    if total:
        made.append(("heard from within 24 h", f"{sum(age <= 24 for age in facts.ages) / total:.1%}"))  # noqa: PLR2004  # hours
    if facts.covered:
        made.append(
            ("of the last week covered", f"{sum(share for _, share in facts.covered) / len(facts.covered):.1%}")
        )
    if facts.errors is not None:
        made.append(("errors in the last week", f"{sum(errors for _, _, errors, _ in facts.errors):,}"))
    if facts.spent is not None:
        made.append(("requests in the last week", f"{sum(requests for _, _, requests in facts.spent):,}"))
    return made


def _figure(name: str, value: str) -> str:
    return f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"


def _section(picture: Picture) -> str:
    charts = "".join(
        f'<div class="chart" id="{picture.name}-{number}" role="img" aria-label="{html.escape(spec["description"])}">'
        "</div>"
        for number, spec in enumerate(picture.specs)
    )
    return (
        f'<section id="{picture.name}"><h2>{html.escape(picture.title)}</h2>'
        f"<p>{html.escape(picture.finding)}</p>{charts}{_table(picture)}</section>"
    )


def _table(picture: Picture) -> str:
    if not picture.rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(each)}</th>' for each in picture.head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in picture.rows)
    return (
        "<details><summary>Show the figures</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>'
    )


def _cell(value: Cell) -> str:
    is_number = not isinstance(value, str) or value.endswith("%")
    text = value if isinstance(value, str) else f"{value:,}"
    return f"<td{' class=number' if is_number else ''}>{html.escape(text)}</td>"
