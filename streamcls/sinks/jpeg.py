"""Pictures as JPEG."""

from streamcls.errors import OutputError
from streamcls.media import cv2
from streamcls.records import Image

_QUALITY = 90


def encoded(image: Image) -> bytes:
    """(H, W, 3) uint8 BGR as the contents of a JPEG file.

    Raises:
        OutputError: a picture that JPEG doesn't take; its sides end at 65,500 px.
    """
    try:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    except cv2.error as error:
        raise OutputError(f"a picture can't be made a JPEG: {error}") from error
    if not done:
        height, width = image.shape[:2]
        raise OutputError(f"a picture of {width}x{height} px can't be made a JPEG")
    return data.tobytes()
