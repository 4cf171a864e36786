"""`python -m ev_energy_async.sandbox`."""

import sys


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from ev_energy_async.sandbox.cli import app  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich", "yaml"}:
            raise
        sys.exit(f"The sandbox's command line needs {error.name}: pip install 'ev-energy-async[sandbox]'")
    app(prog_name="python -m ev_energy_async.sandbox")


if __name__ == "__main__":
    main()
