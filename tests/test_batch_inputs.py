"""Words of a command line to inputs: every picture once, in an order that never changes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from convcli.batch import patterns
from convcli.batch.inputs import Choice, Found, find, names_in
from convcli.batch.task import Input
from convcli.batch.tree import in_order
from convcli.errors import InputError, UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="such names and links are POSIX's")

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    """Empty files with their folders; a `.bak` begins as a PNG does."""
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG if path.suffix == ".bak" else b"")


def paths(*words: str, choice: Choice | None = None, listed: tuple[str, ...] = ()) -> list[str]:
    return [one.path for one in search(*words, choice=choice, listed=listed).inputs]


def search(*words: str, choice: Choice | None = None, listed: tuple[str, ...] = ()) -> Found:
    return find(words, choice or Choice(), listed)


@pytest.mark.usefixtures("place")
def test_a_folder_is_searched_in_natural_order_files_first() -> None:
    make("p/10.png", "p/2.png", "p/a/1.png", "p/a10/x.png", "p/a2/x.png", "p/B.png", "p/c.png")
    assert paths("p") == [
        *("p/2.png", "p/10.png", "p/B.png", "p/c.png"),
        *("p/a/1.png", "p/a2/x.png", "p/a10/x.png"),
    ]


def test_natural_order() -> None:
    names = ["b", "a10", "a2", "A2", "a", "10", "9", ""]
    assert in_order(names) == ["", "9", "10", "a", "A2", "a2", "a10", "b"]


@given(st.lists(st.from_regex(r"([aA]|[0-9]{1,3}){0,4}", fullmatch=True), unique=True))
@example(["a10", "a9a"])
@example(["10a2", "09a3", "10a1"])
@example(["A2", "a1"])
def test_numbers_count_and_letters_decide_only_where_all_else_is_the_same(names: list[str]) -> None:
    """Names of one shape are sorted on a shorter way."""

    def place(name: str) -> tuple[object, ...]:
        words = [word for word in re.split(r"([0-9]+)", name) if word]
        ranks = [(0, int(word), "") if word.isdigit() else (1, 0, word.lower()) for word in words]
        return ranks, name

    assert in_order(names) == sorted(names, key=place)


@pytest.mark.usefixtures("place")
def test_an_input_knows_its_root_its_folders_and_its_figures() -> None:
    make("p/a/b/1.png", "q.png")
    Path("q.png").write_bytes(b"12345")
    os.utime("q.png", ns=(7, 9_000_000_001))
    deep, named = search("p", "q.png").inputs
    assert (deep.root, deep.inside, deep.size) == ("p", os.path.join("a", "b"), 0)
    assert named == Input("q.png", "", "", 5, 9_000_000_001)


@pytest.mark.usefixtures("place")
def test_what_is_no_picture_is_counted_and_what_looks_like_none_is_opened() -> None:
    make("p/a.png", "p/b.JPG", "p/c.bak", "p/d.md", "p/e", "p/f.txt", "p/g.csv", "p/h.npy")
    found = search("p")
    assert [Path(one.path).name for one in found.inputs] == ["a.png", "b.JPG", "c.bak"]
    assert found.foreign == {".md": 1, "without a suffix": 1, ".txt": 1, ".csv": 1, ".npy": 1}
    [note] = found.notes()
    assert note.startswith("5 files were skipped: no picture (")


@pytest.mark.usefixtures("place")
def test_numbers_are_taken_where_they_are_asked_for() -> None:
    make("p/a.png", "p/g.csv", "p/h.npy")
    assert paths("p", choice=Choice(include=("*.csv", "*.png"))) == ["p/a.png", "p/g.csv"]
    assert paths("p/*.npy") == ["p/h.npy"]
    assert paths("p/g.csv") == ["p/g.csv"]


@pytest.mark.usefixtures("place")
def test_a_suffix_is_what_python_says() -> None:
    names = ["a.XYZ", "b.xyz", ".xyz", "..xyz", "c..xyz", "a.", "xyz", "a.b.xyz"]
    make(*names)
    suffixes = [os.path.splitext(name)[1].lower() or "without a suffix" for name in names]
    with pytest.raises(InputError) as caught:
        search(".", choice=Choice(hidden=True))
    for suffix in set(suffixes):
        assert f"{suffixes.count(suffix)} {suffix}" in caught.value.message


@pytest.mark.usefixtures("place")
def test_a_pattern_without_a_folder_is_searched_in_the_current_one() -> None:
    make("a.png")
    assert [(one.path, one.root) for one in search("*.png").inputs] == [("a.png", os.curdir)]


def test_standard_input_named_twice_is_one_input() -> None:
    found = search("-", "-")
    assert (found.inputs, found.twice) == ([Input("-")], 1)


@pytest.mark.usefixtures("place")
def test_hidden_files_and_folders_are_left_out_unless_wanted() -> None:
    make("p/.a.png", "p/.git/b.png", "p/c.png")
    found = search("p")
    assert ([one.path for one in found.inputs], found.hidden) == (["p/c.png"], 2)
    assert paths("p", choice=Choice(hidden=True)) == ["p/.a.png", "p/c.png", "p/.git/b.png"]
    assert paths("p/.a.png", "p/.git") == ["p/.a.png", "p/.git/b.png"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        (("*.tif",), (), ["p/a.tif", "p/raw/b.tif", "p/raw/x/c.tif"]),
        (("raw/*.tif",), (), ["p/raw/b.tif"]),
        (("raw/**",), (), ["p/raw/b.tif", "p/raw/d.png", "p/raw/x/c.tif"]),
        (("raw/**/*.tif",), (), ["p/raw/b.tif", "p/raw/x/c.tif"]),
        ((), ("raw",), ["p/a.tif"]),
        ((), ("raw/x", "*.png"), ["p/a.tif", "p/raw/b.tif"]),
        (("*.tif",), ("[!a].tif",), ["p/a.tif"]),
        (("?.png", "a.*"), (), ["p/a.tif", "p/raw/d.png"]),
    ],
)
def test_include_and_exclude_see_the_path_below_the_root_and_the_name(
    include: tuple[str, ...], exclude: tuple[str, ...], taken: list[str]
) -> None:
    make("p/a.tif", "p/raw/b.tif", "p/raw/d.png", "p/raw/x/c.tif")
    assert paths("p", choice=Choice(include, exclude)) == taken


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.tif", "a.tif", True),
        ("*.tif", "x/a.tif", False),
        ("**/*.tif", "a.tif", True),
        ("**/*.tif", "x/y/a.tif", True),
        ("x/**/a", "x/a", True),
        ("x/**", "x", False),
        ("x/**", "x/y/z", True),
        ("a[1-3]", "a2", True),
        ("a[!1-3]", "a2", False),
        ("a[!1-3]", "a/", False),
        ("a[]]", "a]", True),
        ("a[", "a[", True),
        ("a.b", "axb", False),
        ("a?", "a\n", True),
        ("*", "\udcff", True),
        ("[^a]", "^", True),
        ("[^a]", "b", False),
        ("./a/", "a", True),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:  # noqa: FBT001 - a table
    assert (patterns.compiled(pattern).fullmatch(name) is not None) == matches


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="is no pattern"):
        patterns.compiled("./")


@pytest.mark.usefixtures("place")
def test_quoted_patterns_keep_the_tree_below_their_first_folder() -> None:
    make("s/a.tif", "s/x/b.tif", "s/x/y/c.tif", "s/x/d.png", "t.tif")
    found = search("s/**/*.tif").inputs
    assert [(one.path, one.root, one.inside) for one in found] == [
        ("s/a.tif", "s", ""),
        ("s/x/b.tif", "s", "x"),
        ("s/x/y/c.tif", "s", os.path.join("x", "y")),
    ]
    assert paths("s/*.tif") == ["s/a.tif"]
    assert paths("s/*/*.tif") == ["s/x/b.tif"]
    assert paths("*.tif") == ["t.tif"]
    assert paths(str(Path("s").resolve() / "*.tif")) == [str(Path("s").resolve() / "a.tif")]


@pytest.mark.usefixtures("place")
def test_a_file_of_the_very_name_is_no_pattern() -> None:
    make("a[1].png", "a1.png")
    assert paths("a[1].png") == ["a[1].png"]
    Path("a[1].png").unlink()
    assert paths("a[1].png") == ["a1.png"]


@pytest.mark.usefixtures("place")
def test_a_pattern_without_a_match_fails_beside_others_and_alone_is_an_error() -> None:
    make("a.png")
    assert paths("*.tif", "a.png") == ["a.png", "*.tif"]
    with pytest.raises(InputError, match=r"No picture was found in \*\.tif") as caught:
        paths("*.tif")
    assert "Passed over: 1 excluded" in caught.value.message


@pytest.mark.usefixtures("place")
def test_nothing_found_says_where_and_what_was_passed_over() -> None:
    make("p/.a.png", "p/b.md", "p/c.md")
    with pytest.raises(InputError) as caught:
        paths("p")
    assert caught.value.message == (
        "No picture was found in p.\nPassed over: 2 no picture (2 .md), 1 hidden."
    )
    assert "--hidden" in caught.value.hint


@pytest.mark.usefixtures("place")
def test_what_was_named_is_never_skipped() -> None:
    make("b.md")
    assert paths("b.md", "missing.png", ".none") == ["b.md", "missing.png", ".none"]


@pytest.mark.usefixtures("place")
def test_a_file_that_two_words_reach_is_one_input_as_first_named() -> None:
    make("p/a.png", "p/x/b.png")
    found = search("p/x", "p", "./p/a.png", "p/../p/x/b.png", "p/*.png")
    assert [one.path for one in found.inputs] == ["p/x/b.png", "p/a.png"]
    assert found.twice == 4
    assert list(found.notes()) == [
        "4 files were reached twice: done once, as first named",
    ]


@posix
@pytest.mark.usefixtures("place")
def test_hard_links_and_links_to_files_are_names_in_their_own_right() -> None:
    make("p/a.png")
    os.link("p/a.png", "p/b.png")
    os.symlink("a.png", "p/c.png")
    assert paths("p") == ["p/a.png", "p/b.png", "p/c.png"]


@posix
@pytest.mark.usefixtures("place")
def test_links_to_folders_are_followed_last_and_never_in_circles() -> None:
    make("p/z/a.png", "elsewhere/b.png")
    os.symlink("..", "p/z/up")
    os.symlink("z", "p/a-link")
    os.symlink("../elsewhere", "p/other")
    os.symlink("nowhere", "p/dead")
    os.symlink("loop.png", "p/loop.png")
    found = search("p")
    assert [one.path for one in found.inputs] == ["p/z/a.png", "p/other/b.png"]
    assert (found.twice, found.foreign.total()) == (0, 2)


@posix
@pytest.mark.usefixtures("place")
def test_a_pipe_is_not_opened() -> None:
    make("p/a.png")
    os.mkfifo("p/pipe")
    os.mkfifo("p/pipe.png")
    assert paths("p") == ["p/a.png"]


@posix
@pytest.mark.usefixtures("place")
def test_odd_names_are_found_as_they_are() -> None:
    names = ["new\nline.png", "\N{DANCER}.png", "\udcff\udcfe.png", "u\u0308.png", "\u00fc.png"]
    make(*(f"p/{name}" for name in names))
    assert sorted(paths("p")) == sorted(f"p/{name}" for name in names)


@pytest.mark.usefixtures("place")
def test_the_folder_of_results_is_not_searched_when_it_lies_below() -> None:
    make("p/a.png", "p/out/a.png")
    found = search("p", choice=Choice(apart="p/none"))
    assert [one.path for one in found.inputs] == ["p/a.png", "p/out/a.png"]
    found = search("p", choice=Choice(apart=str(Path("p/out").resolve())))
    assert [one.path for one in found.inputs] == ["p/a.png"]
    assert list(found.notes()) == ["p/out was not searched: results go there"]
    assert paths("p/out", choice=Choice(apart="p/out")) == ["p/out/a.png"]


def test_a_folder_that_must_not_be_read_stops_the_search(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("p/a.png", "p/shut/b.png")
    genuine = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return genuine(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert place.exists()
    with pytest.raises(InputError, match="p/shut can't be searched: Permission denied") as caught:
        paths("p")
    assert caught.value.hint == "Leave it out: --exclude 'shut'"
    assert paths("p", choice=Choice(exclude=("shut",))) == ["p/a.png"]


def test_names_of_a_list() -> None:
    assert list(names_in(b"a.png\r\n\n b\nc")) == ["a.png", " b", "c"]
    assert list(names_in(b"\xef\xbb\xbfa\n")) == ["a"]
    assert list(names_in(b"a\nb\0\0c\r\0", zero=True)) == ["a\nb", "c\r"]
    assert list(names_in(b"\xff.png")) == [os.fsdecode(b"\xff.png")]


@pytest.mark.usefixtures("place")
def test_names_of_a_list_are_taken_as_they_are() -> None:
    make("a1.png", "-", "p/b.png")
    names = ("a[1].png", "*.png", "-", "p")
    assert paths(listed=names) == ["a[1].png", "*.png", "./-", "p/b.png"]


@pytest.mark.usefixtures("place")
def test_sniffing_tells_real_pictures_whatever_they_are_called() -> None:
    Path("p").mkdir()
    for form in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"):
        Image.new("L", (4, 4)).save(f"p/{form}.x", format=form)
    Path("p/no.x").write_text("dear diary")
    assert len(paths("p")) == 6
