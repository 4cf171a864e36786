"""The output of `make demo`."""

from __future__ import annotations

import io
import re

from click.testing import CliRunner
from rich.console import Console

from ev_energy_async import demo


async def test_the_demo_watches_a_fleet_and_says_what_it_costs() -> None:
    shown = io.StringIO()
    board = await demo.run(40, 7, 3, Console(file=shown, width=120), live=False)
    text = shown.getvalue()
    about, plan, *_ = text.splitlines()
    assert (
        about
        == "A watch of 40 vehicles and 3 chargers for 3 cycles: which logs come, how late they are, and what they cost."
    )
    assert plan.startswith("40 vehicles and 3 chargers fit: the newest status within 5 min")
    assert re.search(r"Look inside while it runs: http://127\.0\.0\.1:\d+/_sandbox/ui/\n", text)
    assert re.search(r"snapshot +24 +\d+", text)
    assert "newest logs were delivered after" in text
    assert re.search(r"sub-sessions +29 +\d+", text)
    assert re.search(r"3 chargers: \d+ logs came; plugged in: \d, charging: \d", text)
    assert "newest: logs straight from the snapshot" in text, "the columns are explained"
    assert [row[0] for row in board.cycles] == ["1", "2", "3"]
    assert "vehicles need attention" in text
    assert "connection lost" in text
    assert re.search(r"\d+ requests; reading every device in every cycle takes 2\d\d ", text)
    # One was added after the first cycle, one removed after the second.
    assert len(board.vehicles) == 40


async def test_the_demo_shows_broken_connections_and_their_errors() -> None:
    board = await demo.run(40, 7, 4, Console(file=io.StringIO()), live=False)
    links = [int(row[demo.COLUMNS.index("links")]) for row in board.cycles]
    assert links[0] == 0
    assert all(links[1:])
    assert sum(board.errors.values()) > 0


async def test_the_demo_follows_the_charging_at_a_charger() -> None:
    shown = io.StringIO()
    board = await demo.run(40, 3, 3, Console(file=shown, width=120), live=False)
    assert re.search(r"charging sub-sessions at evse\w{26}", shown.getvalue())
    assert board.session_requests >= 6, "two looks with two requests each, and a look back"
    assert board.sessions[0][1] == "started"
    assert any(row[1] in {"changed", "ended"} for row in board.sessions), "it charges"


def test_live_needs_credentials() -> None:
    none = {f"EV_ENERGY_{name}": "" for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN")}
    answer = CliRunner(env=none).invoke(demo.main, ["--live"])
    assert answer.exit_code == 1
    assert "EV_ENERGY_CLIENT_ID" in answer.output
