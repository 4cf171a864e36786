"""Operations that the API has deprecated: editors strike them through (PEP 702), and a call of one warns.

Imported by the generated groups that have such operations.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, overload

from ev_energy_async.calls.endpoints import BoundEndpoint, P, R_co, endpoint

if sys.version_info >= (3, 13):
    from warnings import deprecated as _deprecated
else:
    from typing_extensions import deprecated as _deprecated

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.calls.endpoints import Group

    # Checkers know the decorator by its own name alone.
    deprecated = _deprecated
else:
    # A call comes through the endpoint of a group, whose caller is to blame.
    deprecated = functools.partial(_deprecated, stacklevel=2)

__all__ = ["deprecated", "deprecated_endpoint"]


class deprecated_endpoint(endpoint[P, R_co]):  # noqa: N801  # the sibling of `endpoint`
    """Descriptor that binds a deprecated endpoint function."""

    __slots__ = ()

    @overload
    def __get__(self, group: None, owner: type) -> Callable[P, R_co]: ...
    @overload
    @_deprecated("the API has deprecated this operation")
    def __get__(self, group: Group, owner: type) -> BoundEndpoint[P, R_co]: ...
    def __get__(self, group: Group | None, owner: type) -> Callable[P, R_co]:
        return super().__get__(group, owner)
