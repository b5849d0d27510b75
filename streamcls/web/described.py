"""How the OpenAPI document describes answers that are no JSON."""

from typing import Any


def of_kind(kind: str, description: str) -> dict[int | str, dict[str, Any]]:
    """An answer of another type; `kind` without parameters."""
    content = {kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"content": content, "description": description}}
