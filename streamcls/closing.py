"""What a `with` does to everything that has a `close()`."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Works in a `with`; leaving it closes, whatever happened inside."""

    @abstractmethod
    def close(self) -> None:
        """Ends it. Can be called again."""

    def __enter__(self) -> Self:
        """The thing itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()
