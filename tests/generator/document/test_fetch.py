"""Fetching a document from a file or from an untrusted server."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from generator.__main__ import main
from generator.document import fetch
from generator.document.fetch import LARGEST, _NoDowngrade  # pyright: ignore[reportPrivateUsage]  # how it follows redirects cannot be seen from outside
from generator.problems import BadDocument
from tests.generator.small import document, thing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STRING = {"type": "string"}


def refused_file(spec: Path | str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--spec", str(spec), "--check"]) == 2
    return capsys.readouterr().err


def test_a_document_of_50_mb_is_refused_unread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "bad.yaml"
    with spec.open("wb") as file:
        file.truncate(50_000_000)
    started = time.process_time()
    assert "larger than 20 MB" in refused_file(spec, capsys)
    assert time.process_time() - started < 1


def test_a_document_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in refused_file(tmp_path / "x.yaml", capsys)
    assert "Is a directory" in refused_file(tmp_path, capsys)


stopped = threading.Event()


class _Host(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/document")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/document")
            self.end_headers()
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"x")
        elif self.path == "/dripping":
            # Heads that never end, a byte at a time: each is within the timeout of a read.
            with contextlib.suppress(OSError):
                while not stopped.wait(0.01):
                    self.wfile.write(b"X")
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):  # the reader hangs up
                self.wfile.write(b" " * (LARGEST + 10))
        else:
            found = self.path == "/document"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document(schemas={"Thing": thing(a=STRING)})).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits for them


@pytest.fixture
def host() -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stopped.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_is_downloaded(host: str, tmp_path: Path) -> None:
    assert main(["--spec", f"{host}/moved"], root=tmp_path) == 0
    assert f'"{host}/moved"' in (tmp_path / "ev_energy_async/api/_document.py").read_text()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/none", "Not Found"),
        ("/away", "not followed"),
        ("/large", "larger than 20 MB"),
        ("/short", "incomplete: 499 bytes are missing"),
    ],
)
def test_what_is_no_download_is_refused(host: str, path: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused_file(host + path, capsys)


def test_a_server_that_drips_its_headers_is_given_up(host: str) -> None:
    started = time.monotonic()
    with pytest.raises(BadDocument, match=r"/dripping: not complete after 0\.2 s"):
        fetch(f"{host}/dripping", deadline=0.2)
    assert time.monotonic() - started < 10


def test_a_download_from_https_never_goes_on_over_http() -> None:
    request = urllib.request.Request("https://example.org/document")
    with pytest.raises(BadDocument, match="not followed"):
        _NoDowngrade().redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportPrivateUsage]  # headers are not looked at


def test_a_server_that_is_not_there_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert "refused" in refused_file("http://127.0.0.1:1/x", capsys)
