"""PyTorch, which is always there and runs networks as they are."""

from streamcls.inference.engines import Engine


def _has_bf16() -> bool:
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())


ENGINE = Engine(package="torch", distribution="torch", has_bf16=_has_bf16, format=None)
