"""
CMYK -> RGB and LAB -> RGB, by the embedded ICC profile where there is one.

Without one: red = (white - cyan) * (white - black) / white, and so on, as every viewer does.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.io.image import Samples


def cmyk_to_rgb(samples: Samples, icc: bytes | None) -> tuple[Samples, str]:
    """
    (rows, columns, 4) uint8 or uint16, 0 = no ink -> (rows, columns, 3), and the note.

    Profiles are applied to 8-bit samples only.
    """
    import numpy as np

    if icc is not None and samples.dtype == np.uint8:
        managed = _by_profile(samples, icc)
        if managed is not None:
            return managed, "CMYK converted to sRGB by its ICC profile, which is then dropped"
    white = np.iinfo(samples.dtype).max
    light = white - samples.astype(np.uint32)
    rgb = (light[..., :3] * light[..., 3:] + white // 2) // white
    lost = ", ICC profile dropped" if icc is not None else ""
    return rgb.astype(samples.dtype), f"CMYK converted to RGB without a colour profile{lost}"


def _by_profile(samples: Samples, icc: bytes) -> Samples | None:
    """None where LittleCMS refuses the profile."""
    import numpy as np
    from PIL import Image, ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(icc))
        picture = Image.fromarray(np.ascontiguousarray(samples), mode="CMYK")
        target = ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if rgb is None else np.asarray(rgb)


def lab_to_rgb(samples: Samples) -> Samples:
    """(rows, columns, 3) uint8 in D50, a and b signed as TIFF has them -> the same in sRGB."""
    import numpy as np
    from PIL import Image, ImageCms

    # Taken from bytes, Pillow's LAB has a and b signed, as TIFF has them.
    picture = Image.fromarray(np.ascontiguousarray(samples), mode="LAB")
    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    rgb = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    if rgb is None:
        raise ValueError("LAB can't be converted to RGB")
    return np.asarray(rgb)
