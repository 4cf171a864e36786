"""The output on stdout: whole documents, lines, tables, CSV and Parquet."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, cast

import pytest
from pyarrow import parquet

from ev_energy_async import DecodeError
from ev_energy_async.cli import grids
from ev_energy_async.cli.entries import Entry, entry, event_entry
from ev_energy_async.cli.output import Output, View
from ev_energy_async.cli.session import Session
from ev_energy_async.events import PollFailed
from ev_energy_async.models import Vehicle

if TYPE_CHECKING:
    from tests.sandbox.places import Places

    from .conftest import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = ("api", "vehicles", "list", "--page-size", "10")


async def test_json_is_one_document_over_all_pages_and_jsonl_a_line_each(places: Places, user: User) -> None:
    ids = [vehicle.id for vehicle in places.world.vehicles]
    everything = await user.runs(*LIST, "--all")
    assert sorted(each["id"] for each in json.loads(everything.stdout)) == sorted(ids)
    lines = (await user.runs(*LIST, "--all", "-o", "jsonl")).stdout.splitlines()
    assert [json.loads(line) for line in lines] == json.loads(everything.stdout)
    assert everything.stderr == ""


async def test_without_all_a_list_ends_after_a_page_and_says_so(user: User) -> None:
    done = await user.runs(*LIST)
    assert len(json.loads(done.stdout)) == 10
    assert "10 shown, there are more" in done.stderr
    done = await user.runs(*LIST, "--limit", "13", "-q")
    assert (len(json.loads(done.stdout)), done.stderr) == (13, "")


async def test_the_header_of_csv_follows_from_the_model_and_what_is_expanded(user: User) -> None:
    plain = list(csv.reader(io.StringIO((await user.runs(*LIST, "-o", "csv")).stdout)))
    assert plain[0][0] == "id"
    assert "latest_status_log" in plain[0]
    done = await user.runs(*LIST, "--expand", "latest_status_log", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert all(row["latest_status_log.sampled_at"] for row in rows if row["integrated"] == "ACTIVE")
    nothing = await user.runs("sessions", "--since", "1s", "-o", "csv")
    assert nothing.stdout.startswith("id,")


async def test_parquet_has_the_columns_of_the_model(user: User) -> None:
    done = await user.runs(*LIST, "--all", "-o", "parquet")
    table: Any = cast("Any", parquet).read_table(io.BytesIO(done.stdout_bytes))
    assert table.num_rows == 40
    assert "trim_id" in table.column_names
    refused = await user.runs("fleet", "plan", "10", "-o", "parquet")
    assert refused.exit_code == 2


async def test_a_plan_that_does_not_fit_is_shown_like_any_other(stranger: User) -> None:
    for wanted in ((), ("-o", "json")):
        done = await stranger.runs("fleet", "plan", "50000", "--report-every", "10m", *wanted)
        shown = json.loads(done.stdout)
        assert (shown["fits"], shown["complete_within"], shown["kinds"]) == (False, None, {})
        assert "do not fit" in shown["headline"]
        assert shown["requests"]["history"] > 0
    table = await stranger.runs("fleet", "plan", "50000", "--report-every", "10m", "-o", "table")
    assert "do not fit" in table.stdout
    assert (done.exit_code, table.exit_code) == (0, 0)


async def test_values_that_json_lacks_go_out_as_they_do_from_reports() -> None:
    failed = PollFailed(key="k", vehicle_id="v", log_kind="status", error=DecodeError("no", "$"))
    row = {"left": dt.timedelta(seconds=1.5), "within": math.inf, "kinds": {"b", "a"}, "failed": [failed]}
    assert json.loads(entry(row).json) == {
        "left": 1.5,
        "within": None,
        "kinds": ["a", "b"],
        "failed": [failed.to_dict("json")],
    }
    assert json.loads(event_entry(failed).json) == {"event": "PollFailed", **failed.to_dict("json")}


async def test_a_table_in_a_pipe_cuts_nothing(places: Places, user: User) -> None:
    done = await user.runs(*LIST, "--all", "-o", "table")
    assert all(vehicle.id in done.stdout for vehicle in places.world.vehicles)
    assert "…" not in done.stdout
    first = next(iter(places.world.vehicles)).id
    one = await user.runs("api", "vehicles", "get", first, "-o", "table")
    assert one.stdout.splitlines()[0].split() == ["id", first]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Terminal:
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


HOSTILE = b'{"id": "a\\u001b]0;pwned\\u0007\xe2\x80\xae", "description": "\xe6\xbc\xa2\xe5\xad\x97 \\u009b2J"}'


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
async def test_nothing_that_a_server_says_acts_on_a_terminal(terminal: Terminal, form: str) -> None:
    session = Session()
    session.format = form
    with redirect_stdout(terminal), Output(session, View(columns=("id", "description"))) as output:
        output.write([Entry(HOSTILE)])
    text = terminal.getvalue().replace("\n", "")
    for part in ("\x1b[1m", "\x1b[0m"):  # our own bold heading
        text = text.replace(part, "")
    assert text.isprintable()
    assert "漢字" in text
    if form in {"json", "jsonl"}:
        assert json.loads(text if form == "jsonl" else terminal.getvalue()) == (
            json.loads(HOSTILE.decode()) if form == "jsonl" else [json.loads(HOSTILE.decode())]
        )


async def test_a_table_on_a_terminal_shows_what_fits_and_says_what_does_not(
    terminal: Terminal,
) -> None:
    rows = [
        Entry(json.dumps({"id": f"vhcl{number}", "description": "漢" * 30, "vehicle_class": "PASSENGER"}).encode())
        for number in range(3)
    ]
    noted = io.StringIO()
    with redirect_stdout(terminal), redirect_stderr(noted), Output(Session(), View(model=Vehicle)) as output:
        output.write(rows[:2])
        output.write(rows[2:])
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 4
    assert all(grids.width_of(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) <= 60 for line in lines)
    assert "1 more columns do not fit" in noted.getvalue()


async def test_a_document_that_was_interrupted_is_not_taken_for_a_complete_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = Session()
    session.format = "json"

    def interrupted() -> None:
        with Output(session, View(model=Vehicle)) as output:
            output.write([Entry(b'{"id":"a"}')])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(capsys.readouterr().out)
