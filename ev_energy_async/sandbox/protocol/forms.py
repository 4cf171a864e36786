"""Reads bodies that are forms, which a few operations take beside JSON: URL-encoded ones and multipart. No I/O."""

from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import parse_qsl

FORM_OPERATIONS: Final = frozenset({"users.create", "users.update", "support_tickets.update"})
"""The operations for which the document offers forms."""

URL_ENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """Return the fields of a form, of a field that comes twice the last one.

    Raises:
        ValueError: it is no form.
    """
    if content_type.partition(";")[0].strip().lower() == URL_ENCODED:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    # RFC 7578: the parts of a message, each of which names its field.
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise ValueError("there are no parts between the boundaries")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content: object = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise ValueError("a part has no name")  # noqa: TRY004  # the error lies in the request
        fields[name] = content.decode()
    return fields
