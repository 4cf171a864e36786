"""A report on a fleet: its six pictures, as a page, as a file, in a notebook."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import attrs

from ev_energy_async.checkpoint import Checkpoint
from ev_energy_async.clock import SystemClock, utc
from ev_energy_async.files import user_path
from ev_energy_async.report.charts import pictures_of
from ev_energy_async.report.from_checkpoint import facts_kept
from ev_energy_async.report.from_tables import facts_in
from ev_energy_async.report.page import page_of

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Collection, Coroutine

    from ev_energy_async.report.charts import Picture
    from ev_energy_async.report.facts import Facts
    from ev_energy_async.report.from_tables import Tables

__all__ = ["Report", "report"]


@attrs.frozen
class Report:
    """A report on a fleet.

    Attributes:
        title: The heading of its page.
        pictures: Its pictures: how fresh, coverage, state of charge, charging, errors, budget.
    """

    title: str
    pictures: tuple[Picture, ...] = attrs.field(repr=False)
    _facts: Facts = attrs.field(repr=False)

    @property
    def html(self) -> str:
        """The page: complete in itself, with no request to any network, light and dark."""
        return page_of(self.title, self.pictures, self._facts)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, and return its path.

        Raises:
            InvalidArgument: It is no path of a file.
            OSError: It cannot be written.

        Example:
            >>> report("lake").save("fleet.html")  # doctest: +SKIP
        """
        file = Path(user_path("path", path))
        file.write_text(self.html, encoding="utf-8")
        return file

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return what a notebook shows: the page in a frame of its own, since it has its own styles."""
        frame = (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            'style="width:100%;height:80vh;border:0" sandbox="allow-scripts"></iframe>'
        )
        bundle = {"text/html": frame, "text/plain": str(self)}
        return {
            kind: made
            for kind, made in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }

    def __str__(self) -> str:
        """Show the finding of each picture."""
        return "\n".join([self.title, *(f"{each.title}: {each.finding}" for each in self.pictures)])


@overload
def report(
    source: Checkpoint,
    *,
    title: str = ...,
    personal: bool = ...,
    now: dt.datetime | None = ...,
    name: str = ...,
) -> Coroutine[Any, Any, Report]: ...
@overload
def report(
    source: Tables, *, title: str = ..., personal: bool = ..., now: dt.datetime | None = ..., name: str = ...
) -> Report: ...
def report(
    source: Tables | Checkpoint,
    *,
    title: str = "Fleet report",
    personal: bool = False,
    now: dt.datetime | None = None,
    name: str = "watch",
) -> Report | Coroutine[Any, Any, Report]:
    """Return a report on a fleet: freshness, coverage, state of charge, charging, errors, budget.

    Args:
        source: The root of a `ParquetSink`, of which the last month is read; or tables by name (`vehicle_status_log`,
            and `vehicle_api_error_log` and `cycle_finished` if there are), each a pyarrow table or anything else with
            `__arrow_c_stream__`; or the open checkpoint of a watch, to be awaited, which knows how fresh and how
            complete the logs are and nothing else.
        title: The heading of the page.
        personal: Whether vehicles are called by their IDs, which lead to their drivers; else they are numbered.
        now: The time that the report is of, aware; the present by default.
        name: The name of the watch in its checkpoint.

    Raises:
        InvalidArgument: An argument is not what it should be.
        CheckpointError: The checkpoint is not open, or cannot be read.

    Example:
        >>> report("lake").save("fleet.html")  # doctest: +SKIP
        >>> async with SqliteCheckpoint("fleet.db") as checkpoint:  # doctest: +SKIP
        ...     (await report(checkpoint)).save("fleet.html")
    """
    at = SystemClock().now() if now is None else utc("now", now)
    if isinstance(source, Checkpoint):
        return _of_checkpoint(source, name, at, title, personal=personal)
    return _of(facts_in(source, at), title, personal=personal)


async def _of_checkpoint(checkpoint: Checkpoint, name: str, now: dt.datetime, title: str, *, personal: bool) -> Report:
    return _of(await facts_kept(checkpoint, name, now), title, personal=personal)


def _of(facts: Facts, title: str, *, personal: bool) -> Report:
    return Report(title, pictures_of(facts, personal=personal), facts)
