"""Every exception of streamcls.

    StreamclsError                  the base: the message says what, where, and what to do
    ├── UsageError                  what was asked for can't be: settings, paths (exit code 2)
    │   ├── SettingsError           an option or a settings file is wrong (ValueError)
    │   ├── SourceNotFoundError     no such file, or not a file (FileNotFoundError)
    │   ├── OutputPathError         an output can't be put there (OSError)
    │   └── ModelSettingsError      weights, labels and model don't fit each other (ValueError)
    ├── SourceError                 the source is there but is no readable video (OSError)
    │   └── SignalLostError         a live source can't be had at the moment (ConnectionError)
    ├── PictureError                a picture can't be read (OSError)
    ├── AgreementError              a bundle differs too much from its original (ValueError)
    ├── WeightsUnavailableError     weights are neither here nor to be had (OSError)
    ├── OutputError                 writing failed half-way, as on a full disk (OSError)
    └── MissingPackageError         a package or system library is missing (ImportError)

Each is also the builtin error in brackets, so code that knows nothing of streamcls can catch it.
"""

from streamcls.masking import mask


class StreamclsError(Exception):
    """Base of all errors that streamcls raises on purpose.

    `exit_code` is what the command line ends with. Passwords of addresses in the message are
    masked, so whoever shows or keeps it needs not think of them.
    """

    exit_code = 1

    def __init__(self, *args: object) -> None:
        """As any exception."""
        super().__init__(*(mask(arg) if isinstance(arg, str) else arg for arg in args))


class UsageError(StreamclsError):
    """What was asked for can't be done: wrong settings or paths."""

    exit_code = 2


class SettingsError(UsageError, ValueError):
    """An option or a settings file is wrong; the message has a line for each mistake."""


class SourceNotFoundError(UsageError, FileNotFoundError):
    """There is no such file, it is not a file, or it must not be read."""


class OutputPathError(UsageError, OSError):
    """An output can't be put there: it exists, its folder is missing or read-only."""


class ModelSettingsError(UsageError, ValueError):
    """The model's name, its weights and its labels don't fit each other."""


class SourceError(StreamclsError, OSError):
    """The source is there but can't be read as a video."""


class SignalLostError(SourceError, ConnectionError):
    """A live source can't be had, or ended, for now.

    `hold` says that trying again soon is of no use: a wrong password, no such stream.
    """

    def __init__(self, reason: str, *, hold: bool = False) -> None:
        """`reason` is for people, without the address."""
        super().__init__(reason)
        self.hold = hold


class PictureError(StreamclsError, OSError):
    """A picture can't be read."""


class AgreementError(StreamclsError, ValueError):
    """An exported model does not give the original's labels often enough."""


class WeightsUnavailableError(StreamclsError, OSError):
    """Weights are neither on this machine nor to be had from the network."""


class OutputError(StreamclsError, OSError):
    """Writing an output failed while the run was on."""


class MissingPackageError(StreamclsError, ImportError):
    """A package, or a library of the system that it needs, is missing."""
