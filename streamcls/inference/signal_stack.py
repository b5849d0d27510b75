"""Keeps OpenVINO from leaving a stack for signal handlers that is too small for them.

Its CPU plugin sets one (`sigaltstack`) when it is loaded, of the smallest size that the kernel
takes, and may leave it, or one that is freed already, to the thread. Python's handlers of Ctrl-C
and of SIGTERM run on that stack, and the process ends with a segmentation fault (OpenVINO 2026.4
with Python 3.11 on a CPU with AVX-512).
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (
        ("start", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """What is set inside is taken back at the end, for the calling thread."""
    if sys.platform != "linux":
        yield
        return
    libc, before = ctypes.CDLL(None), _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
