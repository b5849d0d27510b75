"""What the HTTP listener answers for a plant."""

from collections.abc import Callable

from streamcls.closing import Closing
from streamcls.config.plant import PlantSettings
from streamcls.errors import MissingPackageError, StreamclsError
from streamcls.plant.listener import Answer, Listener
from streamcls.plant.plant import Plant

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Pages(Closing):
    """The listener that the settings ask for, if they do. One thread."""

    def __init__(self, plant: Plant) -> None:
        """Listens to nobody yet."""
        self._plant = plant
        self._listener: Listener | None = None
        self._listen = ""

    @property
    def port(self) -> int | None:
        """Where it listens."""
        return None if self._listener is None else self._listener.port

    def apply(self, settings: PlantSettings) -> None:
        """Listens where the settings say, or no more.

        Raises:
            OutputPathError: the address can't be had; it listens where it did before.
            MissingPackageError: the package for the metrics is not installed.
        """
        wanted = "" if settings.http is None else settings.http.listen
        if wanted == self._listen:
            return
        before = self._listen
        self.close()
        try:
            self._begin(wanted)
        except StreamclsError:
            self._begin(before)
            raise

    def _begin(self, address: str) -> None:
        if address:
            self._listener = Listener(address, self._pages())
            self._listener.start()
        self._listen = address

    def close(self) -> None:
        """Hangs up. Can be called again."""
        listener, self._listener, self._listen = self._listener, None, ""
        if listener is not None:
            listener.close()

    def _pages(self) -> dict[str, Callable[[], Answer]]:
        try:
            from streamcls.plant.exposition import Exposition
        except ImportError as error:
            raise MissingPackageError(
                "http: prometheus-client is not installed; install it with: "
                "pip install 'streamcls[plant]'"
            ) from error
        exposition = Exposition(lambda: self._plant)
        return {
            "/metrics": lambda: Answer(200, exposition.text(), _METRICS),
            "/healthz": self._health,
            "/readyz": self._readiness,
        }

    def _health(self) -> Answer:
        """Whether it is worth to go on: a supervisor restarts what says no."""
        if self._plant.is_alive():
            return Answer(200, b"ok\n")
        return Answer(503, b"the classifier has not answered for 30 s\n")

    def _readiness(self) -> Answer:
        """Whether every camera gives labels."""
        missing = self._plant.missing()
        text = "\n".join(missing) or "ok"
        return Answer(503 if missing else 200, f"{text}\n".encode())
