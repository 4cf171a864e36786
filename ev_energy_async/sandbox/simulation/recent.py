"""A small store of what was worked out lately; what falls out of it is worked out again when needed."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The last `size` results, the least recently used one leaving first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value kept under a key, or make and keep one."""
        try:
            value = self._kept[key]
        except KeyError:
            value = self._kept[key] = make()
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return value

    def kept(self) -> Iterable[V]:
        """Yield the values kept, least recently used first."""
        return self._kept.values()

    def __len__(self) -> int:
        return len(self._kept)
