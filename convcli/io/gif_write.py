"""
Image with colour or alpha -> GIF of one frame: 256 colours, a pixel is there or it is not.

    up to 256 colours    those, exactly
    more                 256 by Pillow's median cut, every pixel the nearest one's

Where there is alpha one of the 256 stands for what is transparent: alpha below 128.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from convcli.io.image import Image

_COLOURS = 256
_HALF = 128


def encode(image: Image) -> bytes:
    """A GIF of uint8 samples, any layout."""
    import numpy as np
    from PIL import Image as PillowImage

    shown = _shown(image)
    indices, table, hole = (_greys if image.layout.startswith("grey") else _table)(image, shown)
    if shown is not None:
        indices = np.where(shown, indices, hole)
    picture = PillowImage.fromarray(indices.astype(np.uint8))
    if table is not None:
        picture.putpalette(table.tobytes())
    stream, options = BytesIO(), {} if shown is None else {"transparency": hole}
    picture.save(stream, "GIF", optimize=False, **options)
    return stream.getvalue()


def _greys(
    image: Image, shown: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """Indices, no table as they are the greys themselves, and a grey that stands for nothing."""
    import numpy as np

    grey: NDArray[Any] = image.samples[..., 0]
    used = np.unique(grey if shown is None else grey[shown])
    free = np.setdiff1d(np.arange(_COLOURS), used)
    if free.size:
        return grey, None, int(free[-1])
    return np.minimum(grey, _COLOURS - 2), None, _COLOURS - 1


def _table(
    image: Image, shown: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """Indices, the table they point into, and the index that stands for nothing."""
    import numpy as np

    rgb = _rgb(image)
    room = _COLOURS - (shown is not None)
    codes, places = np.unique(_codes(rgb, shown), return_inverse=True)
    if codes.size > room:
        return _cut(rgb, shown, room)
    return places.reshape(rgb.shape[:2]), _colours(codes), codes.size


def losses(image: Image) -> Iterator[str]:
    """What of these samples a GIF can't hold, as sentences."""
    import numpy as np

    shown = _shown(image)
    if np.unique(_codes(_rgb(image), shown)).size > _COLOURS - (shown is not None):
        yield "GIF holds 256 colours a frame: reduced to those"
    if shown is not None and np.isin(image.samples[..., -1], (0, 255), invert=True).any():
        yield "GIF has no half-transparent pixels: transparent where alpha is below 128"


def _rgb(image: Image) -> NDArray[Any]:
    import numpy as np

    if image.layout.startswith("grey"):
        return np.repeat(image.samples[..., :1], 3, axis=2)
    return image.samples[..., :3]


def _shown(image: Image) -> NDArray[Any] | None:
    """Which pixels are there; None where all are, for want of alpha."""
    shown: NDArray[Any] = image.samples[..., -1] >= _HALF
    return shown if image.alpha else None


def _codes(rgb: NDArray[Any], shown: NDArray[Any] | None) -> NDArray[Any]:
    """Colours as numbers; what does not show has that of the first pixel that does."""
    import numpy as np

    codes: NDArray[Any] = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    if shown is not None and shown.any():
        codes = np.where(shown, codes, codes[shown][0])
    return codes if shown is None or shown.any() else np.zeros_like(codes)


def _colours(codes: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.stack([codes >> 16, codes >> 8, codes], axis=1).astype(np.uint8)


def _cut(
    rgb: NDArray[Any], shown: NDArray[Any] | None, room: int
) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """As `_table`, with the `room` colours that stand for all."""
    import numpy as np
    from PIL import Image as PillowImage

    seen = _colours(_codes(rgb, shown).ravel()).reshape(rgb.shape)
    picture = PillowImage.fromarray(np.ascontiguousarray(seen)).quantize(
        room, PillowImage.Quantize.MEDIANCUT
    )
    table = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)[:room]
    return np.asarray(picture).astype(np.intp), table, len(table)
