"""The room that an announced file has at the second origin, and the presigned URL that opens it. No I/O."""

from typing import Final
from urllib.parse import quote, urlencode

import attrs

from ev_energy_async.sandbox.instants import SECOND, Instant, moment

SIGNATURE: Final = "X-Amz-Signature"
"""The parameter of a presigned URL that opens it."""

_LIVES_SECONDS: Final = 3_600


@attrs.define(eq=False)
class Upload:
    """Room for the content of one file."""

    signature: str = attrs.field(repr=False)
    """The signature that a request must carry."""
    begun_at: Instant
    content: bytes | None = None

    @property
    def ends_at(self) -> Instant:
        """The moment at which the presigned URL expires."""
        return self.begun_at + _LIVES_SECONDS * SECOND

    def url(self, origin: str, file_id: str, name: str) -> str:
        """Return the presigned URL."""
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": moment(self.begun_at).strftime("%Y%m%dT%H%M%SZ"),
            "X-Amz-Expires": str(_LIVES_SECONDS),
            SIGNATURE: self.signature,
        }
        return f"{origin}/{file_id}/{quote(name, safe='')}?{urlencode(query)}"
