"""`ev-energy`, and `python -m ev_energy_async.cli`."""

from __future__ import annotations

import sys
from typing import Any

from ev_energy_async._extras import MissingExtra, extra


def main() -> None:
    """Run the command line, or say which extra it needs."""
    stdout: Any = sys.stdout
    if hasattr(stdout, "reconfigure"):
        # Data is UTF-8 wherever it goes; what a terminal cannot show is escaped.
        is_terminal = stdout.isatty()
        stdout.reconfigure(encoding=None if is_terminal else "utf-8", errors="backslashreplace")
    try:
        with extra("cli", "ev-energy", "click", "platformdirs", "rich"):
            from ev_energy_async.cli.app import app  # noqa: PLC0415  # needs the extra
        app(prog_name="ev-energy")
    except MissingExtra as error:
        sys.exit(str(error))
    except KeyboardInterrupt:  # before there is a command to end
        sys.exit(130)


if __name__ == "__main__":
    main()
