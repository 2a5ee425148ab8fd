"""rows x columns <= max_pixels, asked of the header before anything of that size is made."""

from __future__ import annotations

from convcli.errors import InputError


def check_size(name: str, width: int, height: int, max_pixels: int | None) -> None:
    """InputError when a `width` x `height` picture is empty, or larger than `max_pixels`."""
    if width <= 0 or height <= 0:
        raise InputError(
            f"{name} is {width} x {height} pixels: nothing to read.",
            "It is damaged.",
            cause="damaged",
        )
    if max_pixels is not None and width * height > max_pixels:
        raise InputError(
            f"{name} is too large: {width} x {height} = {_mega(width * height)} megapixels; "
            f"the limit is {_mega(max_pixels)}.",
            "If the file is sound, raise the limit with --max-pixels.",
            cause="too-large",
        )


def _mega(pixels: int) -> str:
    if pixels < 1e4:  # noqa: PLR2004 - less than a hundredth
        return f"{pixels / 1e6:.6f}".rstrip("0")
    return f"{pixels / 1e6:,.3g}" if pixels < 1e9 else f"{pixels / 1e6:,.0f}"  # noqa: PLR2004 - from there on rounding hides nothing


def damaged(name: str, reason: str) -> InputError:
    """The error for a file that can't be decoded, and why."""
    return InputError(
        f"{name} can't be read: {reason}.", "The file is damaged or incomplete.", cause="damaged"
    )
