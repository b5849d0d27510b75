"""PyTorch on the CPU: the reference that all other engines are checked against.

Two things make it about twice as fast as the usual eager loop with the same results: batch norms
are folded into the convolutions before them, and the network runs channels-last on small batches.
On two cores, ResNet-18: 48 ms a picture one by one as it comes, 30 folded and channels-last, 26 in
fours.

A batch always has the same shape, and each call uses the same number of threads, so the answer to a
picture depends neither on its neighbours nor on how many workers there are (measured bit by bit).
"""

import copy
import logging
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from streamcls.inference.batch_norms import fold_batch_norms
from streamcls.inference.normalization import mean_and_std
from streamcls.inference.torchvision_models import Network

log = logging.getLogger(__name__)

FORMS = ("eager", "torchscript", "compile")
_FOLD_TOLERANCE = 1e-3  # of a logit; folding moves it by about 1e-5

Function = Callable[[torch.Tensor], torch.Tensor]


class TorchBackend:
    """Runs a torchvision classifier; see the module's text for how."""

    def __init__(
        self,
        network: Network,
        *,
        batch: int,
        threads: int,
        precision: str = "fp32",
        form: str = "eager",
    ) -> None:
        """Prepares the network and runs it once, so that the first frame is not slow.

        Args:
            network: in eval mode.
            batch: pictures a call.
            threads: of one call; workers that call at the same time each have so many.
            precision: "fp32" or "bf16".
            form: one of `FORMS`.
        """
        self.name = f"torch {precision}" + ("" if form == "eager" else f" ({form})")
        self._threads = threads
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        card = network.card
        self._mean, self._std = mean_and_std(card)
        module = _folded(network.module, card.input_size)
        if self._dtype != torch.float32:
            module = copy.deepcopy(module)  # `to` would change the network's own tensors
        module = module.to(self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        pixels = np.zeros((batch, card.input_size, card.input_size, 3), np.uint8)
        self._function: Function = module
        if form != "eager":
            self._function = _in_form(module, form, self._inputs(pixels))
        self.infer(pixels)

    @torch.inference_mode()
    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities."""
        before = torch.get_num_threads()  # of the calling thread, which may be a program's own
        torch.set_num_threads(self._threads)
        try:
            scores = self._function(self._inputs(pixels))  # (N, C)
            return np.asarray(scores.float().softmax(dim=1).numpy(), np.float32)
        finally:
            torch.set_num_threads(before)

    def _inputs(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()  # (N, 3, S, S)
        return inputs.sub_(self._mean).div_(self._std).to(self._dtype)


class PlainEager:
    """The network as tutorials run it, eager and as it came: what others are compared with."""

    name = "torch eager"

    def __init__(self, network: Network, *, threads: int) -> None:
        """Takes the network as it is; `threads` of one call."""
        self._module, self._threads = network.module, threads
        self._mean, self._std = mean_and_std(network.card)

    @torch.inference_mode()
    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()  # (N, 3, S, S)
            scores = self._module((inputs - self._mean) / self._std)
            return np.asarray(scores.softmax(dim=1).numpy(), np.float32)
        finally:
            torch.set_num_threads(before)


def _in_form(module: nn.Module, form: str, example: torch.Tensor) -> Function:
    """The network for inputs like the example, traced or compiled; the same within rounding."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of tracing: shapes that become constants
        if form == "torchscript":
            frozen = torch.jit.freeze(torch.jit.trace(module, example))  # type: ignore[no-untyped-call]
            found: Function = torch.jit.optimize_for_inference(frozen)
        else:
            found = torch.compile(module, dynamic=False)
        found(example)
    return found


def _folded(module: nn.Module, input_size: int) -> nn.Module:
    """The network with batch norms folded into convolutions, if that gives the same answers."""
    probe = torch.rand(1, 3, input_size, input_size, generator=torch.Generator().manual_seed(0))
    folded = fold_batch_norms(module, probe)
    with torch.inference_mode():
        same = torch.allclose(
            module(probe), folded(probe), atol=_FOLD_TOLERANCE, rtol=_FOLD_TOLERANCE
        )
    if not same:
        log.info("this network runs as it is: with batch norms folded its answers differ")
    return folded if same else module
