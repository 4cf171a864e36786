"""The second origin: where the presigned URLs of the rebates' evidence lead to. No I/O.

A presigned URL is its own permission. A request that carries an access token is refused with words that say so: the
token would have been given to another host.
"""

from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

from ev_energy_async.sandbox.messages import Reply, Request
from ev_energy_async.sandbox.problems import Problem, not_found


class Receiver(Protocol):
    """Keeps what is uploaded."""

    def receive_upload(self, file_id: str, content: bytes, /) -> bool:
        """Takes the bytes of a file; False if nobody has announced it."""
        ...


class Uploads:
    """Answers `PUT` to the presigned URLs."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def answer(self, request: Request, refusal: Problem | None) -> Reply:
        """The answer to a request at the second origin."""
        if "Authorization" in request.headers:
            detail = (
                "There is an Authorization header. A presigned URL is used without the API's token, "
                "which would be leaked to another host."
            )
            return Problem(HTTPStatus.BAD_REQUEST, detail).reply()
        if request.method != "PUT":
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "Files are PUT here.", headers={"Allow": "PUT"}).reply()
        if refusal is not None:
            return refusal.reply()
        file_id = unquote(request.path.rpartition("/")[2])
        if not self._receiver.receive_upload(file_id, request.body):
            return not_found("No upload was started for this URL.").reply()
        return Reply(HTTPStatus.OK.value)
