"""`ev-energy`, and `python -m ev_energy_async.cli`."""

from __future__ import annotations

import sys

from ev_energy_async._extras import MissingExtra, extra


def main() -> None:
    """Run the command line, or say which extra it needs."""
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
