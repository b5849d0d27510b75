"""A picture of any size to the square a model sees, as torchvision's own transform makes it."""

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streamcls.inference.resize_products import PlaneProducts, Products
from streamcls.inference.resize_weights import Geometry
from streamcls.records import Image, ModelCard, Picture, Planes

Resize = Callable[[Image], NDArray[np.uint8]]


class Preprocess:
    """Resize, centre crop, BGR to RGB; what a model's card asks for. Any thread may call."""

    def __init__(
        self, card: ModelCard, resizer: "Callable[[Geometry], Resize] | None" = None
    ) -> None:
        """Takes sizes and interpolation from the card.

        Args:
            card: of the model.
            resizer: what makes the resize of pictures of one size: (H, W, 3) BGR to the part of the
                square that the picture covers, RGB. Another one than `Products` must give the same
                within one grey level.
        """
        self._card = card
        self._resizer = resizer or Products
        self._own = threading.local()  # a resize has its own scratch memory

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """A picture of any size to (S, S, 3) uint8 RGB; arrays are (H, W, 3) uint8 BGR."""
        if isinstance(picture, np.ndarray):
            return self._from_bgr(picture)
        planes = picture.planes()
        return self._from_bgr(picture.bgr()) if planes is None else self._from_planes(planes)

    def _from_bgr(self, image: Image) -> NDArray[np.uint8]:
        size = image.shape[:2]
        if getattr(self._own, "size", None) != size:
            geometry = Geometry.of(image.shape[0], image.shape[1], self._card)
            self._own.pad, self._own.resize = geometry.padded, self._resizer(geometry)
            self._own.size = size
        rgb: NDArray[np.uint8] = self._own.pad(self._own.resize(image))
        return rgb

    def _from_planes(self, planes: Planes) -> NDArray[np.uint8]:
        kind = (planes.y.shape, planes.u.shape, planes.matrix, planes.full_range)
        if getattr(self._own, "kind", None) != kind:
            geometry = Geometry.of(planes.y.shape[0], planes.y.shape[1], self._card)
            self._own.pad_planes = geometry.padded
            self._own.products, self._own.kind = PlaneProducts(geometry, planes), kind
        rgb: NDArray[np.uint8] = self._own.pad_planes(self._own.products(planes))
        return rgb
