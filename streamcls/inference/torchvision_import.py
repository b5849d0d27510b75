"""Imports torchvision where its compiled operators can't load.

PyPI's torchvision is built against the CUDA build of torch. Beside a CPU build its shared library
does not load, so nothing declares the operators that torchvision registers shape functions for at
import, and the import ends with "operator torchvision::nms does not exist". Classification models
and the transforms use none of them: declaring the two missing schemas is enough. Only done where
they are missing.
"""

import importlib
from types import ModuleType

_MISSING_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[object] = []  # the library must outlive its schemas


def import_torchvision() -> ModuleType:
    """The module `torchvision`, imported with stand-ins for operators it could not load.

    Raises:
        ImportError: torchvision is not installed, or fails for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    import torch

    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _MISSING_SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
    return importlib.import_module("torchvision")
