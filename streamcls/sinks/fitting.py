"""Pictures fitted into another size: sources may change theirs on the way."""

import numpy as np

from streamcls.media import cv2
from streamcls.records import Image


def fitted(image: Image, width: int, height: int) -> Image:
    """A copy of the image; one of another size is fitted in, with black edges.

    (H, W, 3) uint8 BGR to (height, width, 3).
    """
    rows, columns = image.shape[:2]
    if (columns, rows) == (width, height):
        return image.copy()
    scale = min(width / columns, height / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    made = np.zeros((height, width, 3), np.uint8)
    made[top : top + size[1], left : left + size[0]] = inner
    return made
