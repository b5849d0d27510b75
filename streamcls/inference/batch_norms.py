"""Folds batch norms into the convolutions before them, which saves a pass over every feature map.

Who follows whom is seen in a run of the network. torch.fx would tell without one, but while it
traces, other threads of the process that run any network fail.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode


def fold_batch_norms(module: nn.Module, probe: torch.Tensor) -> nn.Module:
    """A copy in which every batch norm that directly follows a convolution is part of it.

    Args:
        module: in eval mode; its tensors are shared with the copy.
        probe: an input, (N, 3, S, S).
    """
    tensors = {id(t): t for t in chain(module.parameters(), module.buffers())}
    copied = copy.deepcopy(module, memo=tensors)
    with _Watch(copied) as watch, torch.inference_mode():
        copied(probe)
    for convolution, norm in watch.pairs():
        first, second = copied.get_submodule(convolution), copied.get_submodule(norm)
        assert isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
        _replace(copied, convolution, fuse_conv_bn_eval(first, second))
        _replace(copied, norm, nn.Identity())
    return copied


class _Watch(TorchFunctionMode):
    """Sees which batch norms take a convolution's output, and whether something else does, too."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._calls: Counter[nn.Module] = Counter()
        # Convolutions' outputs by their ids; kept alive, so that no id comes twice.
        self._outputs: dict[int, torch.Tensor] = {}
        self._maker: dict[int, nn.Module] = {}
        self._pairs: list[tuple[int, nn.Module]] = []
        self._used: set[int] = set()
        self._names = {part: name for name, part in module.named_modules()}
        self._hooks = [
            hook
            for part in self._names
            if type(part) in (nn.Conv2d, nn.BatchNorm2d)
            for hook in (
                part.register_forward_pre_hook(self._enter),
                part.register_forward_hook(self._leave),
            )
        ]
        self._inside = False

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def pairs(self) -> list[tuple[str, str]]:
        """Names of convolutions and of the batch norms that are the only ones to use them."""
        return [
            (self._names[self._maker[output]], self._names[norm])
            for output, norm in self._pairs
            if output not in self._used and self._calls[self._maker[output]] == 1
            if self._calls[norm] == 1
        ]

    def _enter(self, part: nn.Module, given: tuple[torch.Tensor]) -> None:
        self._inside = True
        self._calls[part] += 1
        if id(given[0]) not in self._outputs:
            return
        if isinstance(part, nn.BatchNorm2d):
            self._pairs.append((id(given[0]), part))
        else:
            self._used.add(id(given[0]))

    def _leave(self, part: nn.Module, _given: object, output: torch.Tensor) -> None:
        self._inside = False
        if isinstance(part, nn.Conv2d):
            self._outputs[id(output)], self._maker[id(output)] = output, part

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        if not self._inside:
            given = {id(value) for value in _flat((args, *(kwargs or {}).values()))}
            self._used |= given & self._outputs.keys()
        return function(*args, **(kwargs or {}))


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _flat(value)
        else:
            yield value


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(owner), attribute, part)
