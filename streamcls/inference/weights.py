"""Where weights come from: a given file, else the local cache, else torchvision's download."""

import io
import sys
import urllib.error
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamcls.errors import ModelSettingsError, WeightsUnavailableError

if TYPE_CHECKING:
    import torch
    from torchvision.models import WeightsEnum

StateDict = Mapping[str, "torch.Tensor"]

# Keys under which the field's training scripts store the network and its class names.
_NETWORK_KEYS = ("state_dict", "model_state_dict", "model", "weights")
_CLASSES_KEYS = ("classes", "class_names", "labels", "categories")
# What wrappers put before every name: DistributedDataParallel, torch.compile, Lightning.
_WRAPPERS = ("module.", "_orig_mod.", "model.")


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network's tensors by name, and its class names where the file says them."""

    tensors: StateDict
    classes: tuple[str, ...] | None


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a state_dict, or a checkpoint that holds one, maybe with its class names.

    Only tensors and plain values are read: a file can't run code.

    Raises:
        ModelSettingsError: the file can't be read or holds no state_dict.
    """
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelSettingsError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # what unpickling foreign bytes raises has no bounds
        raise ModelSettingsError(
            f"{path}: not a weights file (a state_dict saved with torch.save)"
        ) from error
    if not isinstance(found, Mapping):
        raise ModelSettingsError(f"{path}: holds a {type(found).__name__}, not a state_dict")
    inner = next(
        (found[key] for key in _NETWORK_KEYS if isinstance(found.get(key), Mapping)), found
    )
    tensors = {str(name): value for name, value in inner.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ModelSettingsError(f"{path}: holds no tensors, so it is not a state_dict")
    return Checkpoint(_unwrapped(tensors), None if inner is found else _classes(found))


def _unwrapped(tensors: StateDict) -> StateDict:
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): value for name, value in tensors.items()})
    return tensors


def _classes(found: Mapping[str, Any]) -> tuple[str, ...] | None:
    for key in _CLASSES_KEYS:
        names = found.get(key)
        if (
            isinstance(names, (list, tuple))
            and names
            and all(isinstance(name, str) for name in names)
        ):
            return tuple(names)
    numbers = found.get("class_to_idx")  # torchvision's ImageFolder
    if isinstance(numbers, Mapping) and numbers:
        return tuple(str(name) for name in sorted(numbers, key=lambda name: int(numbers[name])))
    return None


def cached_file(weights: "WeightsEnum") -> Path:
    """Where torchvision's download puts these weights, whether or not they are there."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def fetch(weights: "WeightsEnum", model: str, *, progress: bool) -> Path:
    """The file with a published model's weights, downloaded and checked unless it is there.

    Raises:
        WeightsUnavailableError: not in the cache and not to be had, or what came is damaged.
    """
    import torch

    path = cached_file(weights)
    if path.exists():
        return path
    # torch says on standard output that it begins, whether or not it shows progress.
    try:
        with redirect_stdout(sys.stderr if progress else io.StringIO()):
            torch.hub.load_state_dict_from_url(
                weights.url,
                progress=progress,
                check_hash=True,
                map_location="cpu",
                weights_only=True,
            )
    except (OSError, RuntimeError, urllib.error.URLError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise WeightsUnavailableError(
            f"the weights of {model} are not on this machine and can't be downloaded ({reason})\n"
            f"  file   {path.name}\n"
            f"  put it {path}\n"
            f"  or     --weights FILE  with a state_dict you have\n"
            f"  or     --model demo    the built-in model, which needs no download"
        ) from error
    return path
