"""What the receivers need from elsewhere, and what they tell of this program."""

from importlib import metadata

from streamcls.errors import MissingPackageError


def missing(package: str, error: ImportError) -> MissingPackageError:
    """The error for a package that can't be imported."""
    return MissingPackageError(
        f"{package} can't be loaded ({error}); install with: pip install 'streamcls[plant]'"
    )


def version() -> str:
    """Of streamcls."""
    return metadata.version("streamcls")
