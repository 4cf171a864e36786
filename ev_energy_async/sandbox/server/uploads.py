"""The second origin: where the presigned URLs of the rebates' evidence lead to. No I/O.

It responds as an object store does, with errors in XML (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). A
presigned URL is its own permission and ends after an hour; a request that also carries an access token is refused,
since the token would have been given to another host.
"""

from collections.abc import Callable
from hmac import compare_digest
from http import HTTPStatus
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.protocol import Problem, Reply, Request
from ev_energy_async.sandbox.world import SIGNATURE, Upload


class Uploads:
    """Serves `PUT` and `GET` at the presigned URLs."""

    def __init__(self, find: Callable[[str], Upload | None]) -> None:
        """Make a store of files.

        Args:
            find: returns the upload of a file ID, or None if it was not announced.
        """
        self._find = find

    def answer(self, request: Request, now: Instant, refusal: Problem | None) -> Reply:
        """Return the response to a request at the second origin."""
        if "Authorization" in request.headers:
            detail = (
                "Only one auth mechanism allowed: there is an Authorization header. A presigned URL is used without "
                "the API's token, which would be leaked to another host."
            )
            return _error(HTTPStatus.BAD_REQUEST, "InvalidArgument", detail)
        if request.method not in {"PUT", "GET", "HEAD"}:
            detail = "The specified method is not allowed against this resource."
            reply = _error(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)
            reply.headers["Allow"] = "GET, HEAD, PUT"
            return reply
        if refusal is not None:
            is_large = refusal.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return _error(HTTPStatus.BAD_REQUEST, "EntityTooLarge" if is_large else "InvalidRequest", refusal.detail)
        upload = self._find(unquote(request.path.removeprefix("/").partition("/")[0]))
        given = parse_qs(request.query).get(SIGNATURE, [""])[0]
        if upload is None or not compare_digest(given.encode(errors="replace"), upload.signature.encode()):
            detail = "The request signature we calculated does not match the signature you provided."
            return _error(HTTPStatus.FORBIDDEN, "SignatureDoesNotMatch", detail)
        if now >= upload.ends_at:
            return _error(HTTPStatus.FORBIDDEN, "AccessDenied", "Request has expired")
        if request.method == "PUT":
            upload.content = request.body
            return Reply(HTTPStatus.OK.value)
        if upload.content is None:
            return _error(HTTPStatus.NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
        return Reply(HTTPStatus.OK.value, upload.content, content_type="application/octet-stream")


def _error(status: HTTPStatus, code: str, message: str) -> Reply:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return Reply(status.value, document.encode(), content_type="application/xml")
