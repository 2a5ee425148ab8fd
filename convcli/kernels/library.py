"""
Where kernels are kept, and finding one by name.

    --kernels DIR ...  >  $CONVCLI_KERNELS  >  ./kernels  >  shipped       first wins

    sobel-x                 a name, or an alias of one
    gaussian:sigma=2        a name with parameters; gaussian:2 gives the first one
    2*identity - sharpen    an expression, see `algebra`
    my/sharper.yaml         a kernel file; also .toml, .csv, .txt, .npy, .png
    sharpen.mat             a file of another program, known again by its content
    im:3x3: 0,-1,0 ...      a kernel as another program is given it: see `exchange.FORMATS`

A file whose name is the kernel's name is found without reading any other. A broken file stands in
the way of nothing but itself.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels import exchange, kernelfile
from convcli.kernels.fields import stem
from convcli.kernels.kernel import Recipe
from convcli.kernels.kernelfile import KERNEL_SUFFIXES, load_file, read_heading
from convcli.kernels.number import shown
from convcli.record import record
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcli.kernels.document import Fault

VARIABLE: Final = "CONVCLI_KERNELS"
_NUMBER_SUFFIXES: Final = (".csv", ".txt", ".npy")
_TEXTS: Final = (".csv", ".txt")
_STORAGE: Final = b"%YAML"
"""How OpenCV's files begin, whose suffix is that of ours."""
_SPOKEN: Final = re.compile(r"[(*]|\s[-+/]\s|^\s*-\s*\w|^\s*[^/:\s]+(?:\s*/\s*\d*\.?\d+)+\s*$")
_MOST_FILES: Final = 10_000


@record
class Place:
    """A folder of kernel files, and the name it goes by in messages."""

    path: Path
    label: str

    def __str__(self) -> str:
        return str(self.path)

    def files(self) -> list[Path]:
        """Give the kernel files of the folder itself, sorted; none where it cannot be read."""
        try:
            with os.scandir(self.path) as found:
                names = sorted(e.name for e in found if e.name.lower().endswith(KERNEL_SUFFIXES))
        except OSError:
            return []
        return [self.path / name for name in names[:_MOST_FILES] if not name.startswith(".")]


@record
class Entry:
    """One line of a list of kernels; `shadowed` where an earlier place has the same name."""

    name: str
    title: str
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    origin: Path
    place: str
    shadowed: bool = False
    problem: str = ""


def shipped_kernels() -> Path:
    """Find the folder of shipped kernels: in an installed package, else in the source tree."""
    installed = Path(__file__).parent / "shipped"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "kernels"


def search_path(extra: Sequence[Path | str] = ()) -> list[Place]:
    """Give the places to look in, first wins; a folder named twice counts once."""
    places = [Place(Path(path), str(path)) for path in extra]
    parts = os.environ.get(VARIABLE, "").split(os.pathsep)
    places.extend(Place(Path(part), part) for part in parts if part)
    shipped = shipped_kernels()
    here = Path("kernels")
    if here.is_dir() and not here.samefile(shipped):
        places.append(Place(here, "./kernels"))
    places.append(Place(shipped, "shipped"))
    return list({place.path.absolute(): place for place in reversed(places)}.values())[::-1]


def find(spec: str, places: Sequence[Place] | None = None) -> Recipe:
    """Find `name`, `name:param=value,...` or a file; raises `KernelError`."""
    return _find(spec, search_path() if places is None else places, ())


def holder(name: str, places: Sequence[Place]) -> str:
    """What a name means now: a file, `family`, or nothing; KernelError where two files have it."""
    from convcli.kernels.families import FAMILIES

    found = _file_of(name, places)
    return str(found) if found else "family" * (name in FAMILIES)


def is_file_name(spec: str) -> bool:
    """Whether what is said after -k is taken as a file, because it ends like one."""
    return _as_path(spec) is not None


def check_file(path: Path, places: Sequence[Place] | None = None) -> list[Fault]:
    """Give every fault of a kernel file, none where it is right."""
    known = search_path() if places is None else places
    return kernelfile.check_file(path, resolve=beside(path, known))


def beside(
    file: Path, places: Sequence[Place], trail: tuple[Path, ...] = ()
) -> Callable[[str], Recipe]:
    """Make the finder for what a file names: kernels in its own folder first, then as usual."""
    return resolver([Place(file.parent, str(file.parent)), *places], (*trail, file))


def resolver(places: Sequence[Place], trail: tuple[Path, ...]) -> Callable[[str], Recipe]:
    """Make the finder for `use:`, which refuses a file that uses itself, however indirectly."""
    return lambda spec: _find(spec, places, trail)


def _find(spec: str, places: Sequence[Place], trail: tuple[Path, ...]) -> Recipe:
    path = _as_path(spec)
    foreign = exchange.inline(spec) if path is None else _foreign(path)
    if foreign is not None:
        return foreign
    if path is not None and path.suffix.lower() in _NUMBER_SUFFIXES:
        from convcli.kernels.numberfile import read_numbers

        return Recipe(stem(path), (read_numbers(path),), origin=str(path))
    if path is None and spoken(spec):
        from convcli.kernels.algebra import calculated

        return calculated(spec, resolver(places, trail))
    name, first, given = _parsed(spec) if path is None else (spec, None, {})
    found = path or _file_of(name, places)
    if found is not None:
        if any(found.samefile(step) for step in trail if found.exists()):
            raise KernelError(f"'{printable(name)}' uses itself")
        finder = beside(found, places, trail)
        recipe = load_file(found, given=given, first=first, resolve=finder)
        ours = found.parent == shipped_kernels()
        return replace(recipe, origin=f"shipped:{found.name}") if ours else recipe
    from convcli.kernels import families

    if name not in families.FAMILIES:
        raise _unknown(name, places)
    asked = families.asked(name, given, first)
    made = families.make(name, asked)
    parameters = tuple((key, made.parameters[key]) for key in asked)
    return Recipe(name, (made.kernel,), origin="family", parameters=parameters)


def spoken(text: str) -> bool:
    """Whether a kernel that is asked for is an expression: no name and no file looks like one."""
    return _SPOKEN.search(text) is not None


def _as_path(spec: str) -> Path | None:
    """Take a spec as a file where it ends like one; `sobel.yaml` in a kernels folder is a name."""
    path = Path(spec)
    known = path.suffix.lower() in {*KERNEL_SUFFIXES, *_NUMBER_SUFFIXES, *exchange.suffixes()}
    if "\0" in spec or exchange.named_inline(spec):
        return None
    return path if known or (path.name != spec and path.is_file()) else None


def _foreign(path: Path) -> Recipe | None:
    """The kernel of a file of another program; None where it is a file of ours."""
    suffix = path.suffix.lower()
    if (suffix in KERNEL_SUFFIXES and not _begins(path, _STORAGE)) or suffix == ".npy":
        return None
    if suffix in _NUMBER_SUFFIXES and not path.is_file():
        return None
    recipe = exchange.read(path)
    if recipe is None and suffix not in {*KERNEL_SUFFIXES, *_TEXTS}:
        formats = ", ".join(form.title for form in exchange.FORMATS.values() if form.reads)
        raise KernelError(
            f"{printable(str(path))}: nothing in it is known to be a kernel.", f"Read: {formats}."
        )
    return replace(recipe, origin=str(path)) if recipe else None


def _begins(path: Path, start: bytes) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False


def _parsed(spec: str) -> tuple[str, str | None, dict[str, str]]:
    """Split `name:first,param=value` into its parts."""
    name, _, rest = spec.partition(":")
    first: str | None = None
    given: dict[str, str] = {}
    for number, part in enumerate(rest.split(",") if rest else []):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and number == 0 and key:
            first = key
        elif not equals or not key or not value:
            raise KernelError(
                f"{shown(spec)}: {shown(part)} is not param=value",
                f"Write {printable(name)}:param=value,param=value.",
            )
        elif key in given:
            raise KernelError(f"{shown(spec)}: {shown(key)} is given twice")
        else:
            given[key] = value
    return name.strip(), first, given


def _file_of(name: str, places: Sequence[Place]) -> Path | None:
    """Find the file of a name or alias, reading only files that could hold it."""
    for place in places:
        files = place.files()
        same = [file for file in files if stem(file) == name]
        if same:
            return _only(name, same)
        same = [file for file in files if _mentions(file, name) and _named(file, name)]
        if same:
            return _only(name, same)
    return None


def _only(name: str, files: Sequence[Path]) -> Path:
    """The one file that has the name; KernelError where two of one folder do."""
    if len(files) > 1:
        names = " and ".join(printable(file.name) for file in files)
        raise KernelError(f"'{printable(name)}' is in {names}", "Give the path of one of them.")
    return files[0]


def _mentions(file: Path, name: str) -> bool:
    """Tell whether the bytes of a file hold the name: a search 100 times faster than parsing."""
    from convcli.kernels.document import MAX_BYTES

    try:
        if not file.is_file() or file.stat().st_size > MAX_BYTES:
            return False
        return bool(name) and name.encode("utf-8", "surrogatepass") in file.read_bytes()
    except OSError:
        return False


def _named(file: Path, name: str) -> bool:
    heading = read_heading(file)
    return name == heading.name or name in heading.aliases


def listing(places: Sequence[Place] | None = None, tag: str | None = None) -> list[Entry]:
    """List every kernel of every place by name; reads headings, never makes weights."""
    seen: set[str] = set()
    entries: list[Entry] = []
    for place in search_path() if places is None else places:
        names = set()
        for entry in _entries(place):
            names.add(entry.name)
            entries.append(replace(entry, shadowed=entry.name in seen))
        seen |= names
    wanted = [entry for entry in entries if tag is None or tag in entry.tags]
    return sorted(wanted, key=lambda entry: (entry.name, entry.shadowed))


def _entries(place: Place) -> Iterator[Entry]:
    for file in place.files():
        heading = read_heading(file)
        yield Entry(
            heading.name,
            heading.title,
            heading.tags,
            heading.aliases,
            file,
            place.label,
            problem=heading.problem,
        )


def _unknown(name: str, places: Sequence[Place]) -> KernelError:
    import difflib

    from convcli.kernels.families import FAMILIES

    known = {word for entry in listing(places) for word in (entry.name, *entry.aliases)}
    words = sorted(known | set(FAMILIES))
    near = difflib.get_close_matches(name[:80], words, n=3)
    near = near or difflib.get_close_matches(name[:80].lower(), words, n=3)
    close = f" Close: {', '.join(near)}." if near else ""
    looked = ", ".join(f"{printable(place.label)} ({len(place.files())})" for place in places)
    return KernelError(
        f"No kernel is called {shown(name)}.{close}",
        f"Looked in: {looked}. See them all: convcli kernels list",
    )
