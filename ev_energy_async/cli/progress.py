"""A progress bar on stderr, with total and remaining time where the total is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress"]


class Progress:
    """A progress bar, shown inside `with`.

    Args:
        doing: What takes the time.
        total: How many steps there are; None if nobody knows, or not yet: see `expect`.
        shown: Whether to show it; rich is imported only then.
    """

    def __init__(self, doing: str, total: float | None, *, shown: bool) -> None:
        self._doing = doing
        self._total = total
        self._bar: Any = None
        self._task: Any = None
        if not shown:
            return
        from rich import progress  # noqa: PLC0415  # only where it is shown
        from rich.console import Console  # noqa: PLC0415  # only when it is needed

        columns: list[Any] = [progress.SpinnerColumn(), progress.TextColumn("{task.description}", markup=False)]
        columns += [progress.BarColumn(), progress.MofNCompleteColumn()]
        columns += [progress.TimeElapsedColumn(), progress.TextColumn("ETA"), progress.TimeRemainingColumn()]
        self._bar = progress.Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._doing, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it: what only the bar needs is not worth a request otherwise."""
        return self._bar is not None

    def expect(self, total: float) -> None:
        """Show how many steps there are, now that it is known."""
        if self._bar is not None:
            self._bar.update(self._task, total=total)

    def advance(self, steps: float = 1) -> None:
        """Count steps that are done."""
        if self._bar is not None:
            self._bar.advance(self._task, steps)

    def at(self, done: float, doing: str | None = None) -> None:
        """Show how many steps are done, and perhaps what is being done now."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=doing or self._doing)
