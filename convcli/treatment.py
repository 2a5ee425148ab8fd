"""
A job settled for one kind of image: what its channels mean before, between and after the stages.

    samples -> light -> mix -> pack  |  stages  |  unpack -> light -> Finish

    mix      luma or the sum of the colours, where one grey channel is wanted
    pack     colour * alpha, alpha                     where transparent colours must not bleed
    unpack   filtered (colour * alpha) / filtered alpha
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import light
from convcli.pixels import Best, Clipped, lowered, not_whole
from convcli.record import record
from convcli.source import Filtered, Mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.io.image import Layout
    from convcli.pixels import Finish, Scale
    from convcli.source import Engine, Source, Window
    from convcli.spec import Stage

    Values = NDArray[np.float64]

INVISIBLE = 1e-9
"""Filtered alpha below this share of full is float64 noise around nothing."""


@record
class Kind:
    """
    What is known of an image before it is decoded: dtype, layout and number of channels.

    `signal`: it has one row, and kernels are laid along it. `bits` of a sample, where the dtype has
    more.
    """

    dtype: str
    layout: Layout
    channels: int
    signal: bool = False
    bits: int = 0

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.layout.endswith("+alpha")

    @property
    def colours(self) -> int:
        """Channels that are not opacity."""
        return self.channels - self.alpha


@record
class Treatment:
    """
    How one kind of image goes through a job. `settle` makes it.

    `weights` mix the colours into one (None: each alone); `alpha` is the resolved policy: none,
    straight, premultiply, keep or keep-divided; `hidden` says that some input pixels are fully
    transparent, whose colours, unseen but stored, are then filtered straight and kept.
    """

    stages: tuple[Stage, ...]
    kind: Kind
    scale: Scale
    finish: Finish
    layout: Layout
    alpha: str
    linear: bool = False
    weights: tuple[float, ...] | None = None
    letters: slice | None = None
    hidden: bool = False
    notes: tuple[str, ...] = ()

    # --- channels: [colour | alpha to divide by | straight colours | alpha carried along] --------

    @property
    def colours(self) -> int:
        """Colour channels that the stages see."""
        return 1 if self.weights else self.kind.colours

    @property
    def divides(self) -> bool:
        """Whether the result is divided by its filtered alpha."""
        return self.alpha in {"premultiply", "keep-divided"}

    @property
    def carries(self) -> bool:
        """Whether the input's alpha passes through unfiltered."""
        return self.alpha in {"keep", "keep-divided", "carried"}

    @property
    def maps(self) -> bool:
        """Whether the first stage reads float64 instead of samples as they are stored."""
        drops = self.kind.alpha and self.alpha == "none"
        return self.repacks or self.weights is not None or drops

    @property
    def writes_bytes(self) -> bool:
        """Whether the only stage may make bytes of its sums at once: see `finished`."""
        ending = self.finish.ending((0.0, 1.0))
        return (
            len(self.stages) == 1
            and not self.maps
            and self.letters is None
            and self.finish.scale.dtype == "uint8"
            and ending is not None
            and not (ending.absolute or self.stages[-1].normalize)
        )

    @property
    def channels(self) -> int:
        """Channels of the output."""
        return self.filters + self.holds_alpha

    @property
    def filters(self) -> int:
        """Channels of the output that are not opacity."""
        colours = self.colours
        for stage in self.stages:
            colours = stage.channels(colours)
        return colours

    @property
    def layered(self) -> bool:
        """Whether there are layers, so that channels of the output are filters."""
        return any(stage.across for stage in self.stages)

    @property
    def holds_alpha(self) -> bool:
        """Whether opacity is the last channel, from the first stage to the output."""
        return self.kind.alpha and self.alpha != "none"

    @property
    def repacks(self) -> bool:
        """Whether samples change their meaning before the stages and back after them."""
        return self.linear or self.alpha not in {"none", "straight", "carried"}

    def over(self, array: NDArray[Any]) -> Treatment:
        """The treatment of these very samples: whether any pixel is fully transparent is known."""
        return self.knowing(hidden=self.divides and not array[..., -1].all())

    def knowing(self, *, hidden: bool) -> Treatment:
        """The treatment of samples of which it is known whether any pixel is transparent."""
        return replace(self, hidden=True) if hidden else self

    def chain(self, source: Source, engines: Sequence[Engine]) -> Source:
        """The whole job over a source, as a source of float64 values in units of the input."""
        if self.maps:
            blank = np.zeros((1, 1, self.kind.channels))
            source = Mapped(source, self._enter, self._enter(blank).shape[2])
        for number, (stage, engine) in enumerate(zip(self.stages, engines, strict=True)):
            fill = self._fill(stage, source.shape[2], first=number == 0)
            source = self._filtered(source, stage, engine, fill)
            if stage.offset and number < len(self.stages) - 1:
                source = Mapped(source, partial(self._lift, offset=stage.offset), source.shape[2])
        if self.repacks:
            source = Mapped(source, self._leave, self.channels)
        return source

    def finished(
        self, chain: Source, window: Window, span: tuple[float, float], out: NDArray[Any]
    ) -> Clipped:
        """The chain's window as finished samples in `out`; by the engine itself where it can."""
        if self.stages[-1].normalize:
            values = chain.read(window)
            cut = self.finish(values, span, out)
            cut.best = self._best(values, window)
            return cut
        ending = self.finish.ending(span)
        every = len(range(out.shape[2])[self.finish.named]) == out.shape[2]
        if ending is None or not every or not (isinstance(chain, Filtered) and chain.writes):
            return self.finish(chain.read(window), span, out)
        with lowered(out) as lifted:
            cut = chain.write(window, lifted, ending)
        if cut.nan:
            raise not_whole()
        return Clipped(cut.below, cut.above, out.size)

    def _best(self, values: Values, window: Window) -> Best:
        """The greatest score of a window, and where its kernel's top left cell lies."""
        stage, named = self.stages[-1], values[..., self.finish.named]
        scores = np.nan_to_num(named, nan=-np.inf).max(axis=2)
        row, column = map(int, np.unravel_index(scores.argmax(), scores.shape))
        place = (window.top + row, window.left + column)
        at = [n * stage.stride[axis] - stage.added(axis)[0] for axis, n in enumerate(place)]
        return Best(float(scores[row, column]) / stage.level, at[0], at[1])

    def _filtered(
        self, source: Source, stage: Stage, engine: Engine, fill: tuple[float, ...]
    ) -> Source:
        if stage.normalize:
            from convcli.engines.scored import scored

            engine = scored(engine)
        if self.letters is not None:
            return Filtered(source, stage, engine, fill, self.letters, carry(stage))
        if self.carries:
            return Filtered(source, stage, engine, fill, slice(0, -1), carry(stage))
        return Filtered(source, stage, engine, fill)

    def _fill(self, stage: Stage, channels: int, *, first: bool) -> tuple[float, ...]:
        """What the constant becomes in each of the channels that the stage sees."""
        if stage.across and not first:  # what lies between layers are no samples any more
            return (stage.padding.value,) * channels
        stored = self.kind.channels if first else self._coloured(channels) + self.kind.alpha
        pixel = np.full((1, 1, stored), stage.padding.value)
        inside = self._enter(pixel) if first else self._pack(pixel)
        return tuple(inside[0, 0].tolist())

    def _enter(self, samples: NDArray[Any]) -> Values:
        colour = samples[..., : self.kind.colours]
        alpha = samples[..., self.kind.colours :]
        colour = self._lit(colour)
        if self.weights:
            colour = colour @ np.array(self.weights)[:, None]
        return self._with_alpha(colour, alpha)

    def _pack(self, samples: NDArray[Any]) -> Values:
        count = samples.shape[2] - self.kind.alpha
        return self._with_alpha(self._lit(samples[..., :count]), samples[..., count:])

    def _coloured(self, channels: int) -> int:
        """Colours among the channels of a stage: layers change their number, but divide none."""
        return self.colours if self.divides else channels - self.holds_alpha

    def _lit(self, colour: NDArray[Any]) -> Values:
        if self.linear:
            return light.decoded(colour, self.scale.full or 1.0)
        return colour.astype(np.float64)

    def _with_alpha(self, colour: Values, alpha: NDArray[Any]) -> Values:
        """Products of 16-bit colour and alpha that are divided again stay whole, below 2**32."""
        opacity = alpha.astype(np.float64)
        if self.alpha == "none":
            return colour
        if self.alpha in {"straight", "carried"}:
            return np.concatenate([colour, opacity], axis=2)
        full = 1.0 if self.divides else self.scale.full or 1.0
        parts = [colour * opacity / full]
        parts += [opacity] * self.divides
        parts += [colour] * (self.divides and self.hidden)
        parts += [opacity] * self.carries
        return np.concatenate(parts, axis=2)

    def _leave(self, values: Values) -> Values:
        stored = self._unpack(values)
        if self.alpha == "premultiply":  # a sharpened alpha overshoots, and floats would keep that
            stored[..., -1:] = stored[..., -1:].clip(0.0, self.scale.full)
        return stored

    def _unpack(self, values: Values) -> Values:
        colour, alpha = self._unpremultiplied(values)
        if self.linear:
            colour = light.encoded(colour, self.scale.full or 1.0)
        return np.concatenate([colour, alpha], axis=2)

    def _unpremultiplied(self, values: Values) -> tuple[Values, Values]:
        count = self._coloured(values.shape[2])
        colour, alpha = values[..., :count], values[..., count:]
        if not self.divides:
            return colour, alpha
        full = self.scale.full or 1.0
        opacity = alpha[..., :1]
        seen = opacity > INVISIBLE * full
        straight = alpha[..., 1 : 1 + count] if self.hidden else np.zeros_like(colour)
        colour = np.where(seen, colour / np.where(seen, opacity, 1.0), straight)
        return colour, alpha[..., -1:] if self.carries else opacity

    def _lift(self, values: Values, offset: float) -> Values:
        """Add an offset between two stages, where samples have the meaning of the file."""
        count = self._coloured(values.shape[2])
        named = self.letters or slice(0, count)
        if not self.repacks:
            lifted = values.copy()
            lifted[..., named] += offset
            return lifted
        stored = self._unpack(values)
        stored[..., named] += offset
        if self.divides or self.alpha == "none":
            return self._pack(stored)
        # Colour was premultiplied for good.
        return np.concatenate([self._lit(stored[..., :count]), stored[..., count:]], axis=2)


def carry(stage: Stage) -> Stage:
    """A stage of the same geometry that hands the sample under the anchor on."""
    bank = np.zeros((1, 1, *stage.taps))
    bank[0, 0, stage.anchor[0], stage.anchor[1]] = 1.0
    return replace(
        stage,
        bank=bank,
        scale=(1.0,),
        bias=(0.0,),
        combine=None,
        shift=0.0,
        activation="none",
        offset=0.0,
        normalize=None,
        across=False,
        groups=1,
        gain=1.0,
    )
