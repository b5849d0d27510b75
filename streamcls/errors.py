"""Every exception of streamcls.

    StreamclsError                  the base: message says what, where, and what to do ├──
    UsageError                  what was asked for can't be: settings, paths (exit code 2) │   ├──
    SettingsError           an option or a settings file is wrong; also a ValueError │   ├──
    SourceNotFoundError     no such file, or not a file; also a FileNotFoundError │   ├──
    OutputPathError         an output can't be put there; also an OSError │   └── ModelSettingsError
    weights, labels and model don't fit each other; also a ValueError ├── SourceError
    the source opens but can't be read as a video; also an OSError ├── PictureError                a
    picture can't be read; also an OSError ├── WeightsUnavailableError     weights are neither here
    nor to be had; also an OSError ├── OutputError                 writing failed half-way (disk
    full); also an OSError └── MissingPackageError         a package or system library is missing;
    also an ImportError

Where one is also a builtin error, code that knows nothing of streamcls can catch it.
"""


class StreamclsError(Exception):
    """Base of all errors that streamcls raises on purpose.

    `exit_code` is what the command line ends with.
    """

    exit_code = 1


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


class PictureError(StreamclsError, OSError):
    """A picture can't be read."""


class WeightsUnavailableError(StreamclsError, OSError):
    """Weights are neither on this machine nor to be had from the network."""


class OutputError(StreamclsError, OSError):
    """Writing an output failed while the run was on."""


class MissingPackageError(StreamclsError, ImportError):
    """A package, or a library of the system that it needs, is missing."""
