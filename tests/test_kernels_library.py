"""Where kernels are looked for, finding one by what is written after -k, and listing them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convcli.errors import KernelError
from convcli.kernels import library
from convcli.kernels.library import Place, check_file, find, listing, search_path, shipped_kernels

SHIPPED = [Place(shipped_kernels(), "shipped")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty folder of kernels, looked into before the shipped one."""
    monkeypatch.delenv(library.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    return Place(folder, "mine")


def write(place: Place, name: str, text: str) -> Path:
    path = place.path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_search_path(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [p.label for p in search_path()] == ["shipped"]
    Path("kernels").mkdir()
    monkeypatch.setenv(library.VARIABLE, f"a{os.pathsep}{os.pathsep}b")
    labels = [p.label for p in search_path([place.path, str(place.path)])]
    assert labels == [str(place.path), "a", "b", "./kernels", "shipped"]


def test_the_shipped_folder_is_not_looked_into_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped_kernels().parent)
    monkeypatch.delenv(library.VARIABLE, raising=False)
    if Path("kernels").is_dir():
        assert [p.label for p in search_path()] == ["shipped"]


def test_first_place_wins_and_the_list_says_so(place: Place) -> None:
    write(place, "sobel-x.yaml", "title: Mine\nmatrix: 1 2\n")
    places = [place, *SHIPPED]
    assert find("sobel-x", places).title == "Mine"
    entries = [e for e in listing(places) if e.name == "sobel-x"]
    assert [(e.place, e.shadowed) for e in entries] == [("mine", False), ("shipped", True)]


def test_names_inside_files_and_aliases(place: Place) -> None:
    write(place, "file-name.yaml", "name: inner\naliases: [nick]\nmatrix: 1 2\n")
    for word in ("inner", "nick", "file-name"):
        recipe = find(word, [place])
        assert recipe.name == "inner"
        assert recipe.origin == str(place.path / "file-name.yaml")


def test_shipped_origin() -> None:
    assert find("sobel-x", SHIPPED).origin == "shipped:sobel-x.yaml"
    assert find("blur", SHIPPED).name == "box"


def test_a_broken_file_stands_in_the_way_of_nothing_else(place: Place) -> None:
    broken = write(place, "broken.yaml", "matrix: [x\naliases: [fine, nick]\n")
    write(place, "fine.yaml", "matrix: 1 2\n")
    write(place, "other.yaml", "aliases: [nick]\nmatrix: 1 2\n")
    (place.path / "binary.yaml").write_bytes(b"\xff\xfe\0nick")
    (place.path / "folder.yaml").mkdir()
    assert find("fine", [place]).name == "fine"
    assert find("nick", [place]).name == "other"
    listed = {e.name: bool(e.problem) for e in listing([place])}
    assert listed == {
        "binary": True,
        "broken": True,
        "fine": False,
        "folder": True,
        "other": False,
    }
    assert check_file(broken)
    with pytest.raises(KernelError, match="is not YAML"):
        find("broken", [place])


def test_one_name_in_two_files_is_not_guessed(place: Place) -> None:
    write(place, "a.yaml", "matrix: 1 2\n")
    write(place, "a.toml", "matrix = [[1]]\n")
    with pytest.raises(KernelError, match=r"'a' is in a\.toml and a\.yaml"):
        find("a", [place])


@pytest.mark.parametrize(
    ("spec", "label", "size"),
    [
        ("gaussian", "gaussian", (9, 9)),
        ("gaussian:2.5", "gaussian:sigma=2.5", (21, 21)),
        ("gaussian:sigma=1/2", "gaussian:sigma=0.5", (5, 5)),
        ("gaussian: 2 , radius = 3", "gaussian:sigma=2,radius=3", (7, 7)),
        ("gauss:2", "gaussian:sigma=2", (17, 17)),
        ("box:rows=1,columns=5", "box:rows=1,columns=5", (1, 5)),
        ("disk:2,antialias=no", "disk:radius=2,antialias=False", (5, 5)),
    ],
)
def test_parameters(spec: str, label: str, size: tuple[int, int]) -> None:
    recipe = find(spec, SHIPPED)
    assert recipe.label == label
    assert (recipe.kernel.rows, recipe.kernel.columns) == size


def test_a_label_finds_the_same_kernel_again() -> None:
    for spec in ("gaussian:2.5", "disk:2,antialias=no", "laws:S5,row=R5", "motion:7,angle=30"):
        recipe = find(spec, SHIPPED)
        assert find(recipe.label, SHIPPED) == recipe


def test_parameters_replace_those_of_the_file(place: Place) -> None:
    write(place, "soft.yaml", "generate: {family: gaussian, sigma: 3, radius: 2}\n")
    assert find("soft", [place]).kernel.columns == 5
    assert find("soft:radius=4", [place]).kernel.columns == 9
    assert find("soft:1", [place]).kernel == find("gaussian:1,radius=2", SHIPPED).kernel


def test_families_work_without_any_file(place: Place) -> None:
    recipe = find("box:5", [place])
    assert (recipe.label, recipe.origin, recipe.kernel.rows) == ("box:size=5", "family", 5)


def test_files(place: Place) -> None:
    write(place, "k.toml", "matrix = [[1, 2]]\n")
    write(place, "k.csv", "1,2\n")
    write(place, "my kernel.yaml", "matrix: 1 2\n")
    np.save(place.path / "k.npy", np.array([[1.0, 2.0]]))
    for name in ("k.toml", "k.csv", "k.npy", "my kernel.yaml"):
        recipe = find(str(place.path / name), SHIPPED)
        assert list(recipe.kernel.matrix) == [(1, 2)]
        assert recipe.name in {"k", "my-kernel"}
        assert recipe.origin == str(place.path / name)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sobelx", "No kernel is called 'sobelx'. Close: sobel-x"),
        ("GAUSSIAN:2", "No kernel is called 'GAUSSIAN'. Close: gaussian"),
        ("", "No kernel is called ''"),
        (":", "No kernel is called ''"),
        ("nothing-like-it", "See them all: convcli kernels list"),
        ("a\nb", "No kernel is called 'a\\nb'"),
        ("a\x1b[2J", "No kernel is called 'a\\x1b[2J'"),
        ("a\0b", "No kernel is called 'a\\x00b'"),
        ("\ud800", "No kernel is called '\\ud800'"),
        ("x" * 5000, "No kernel is called 'xxx"),
        ("../../no/passwd", "No kernel is called '../../no/passwd'"),
        ("missing.yaml", "missing.yaml: does not exist"),
        ("missing.npy", "missing.npy: does not exist"),
        ("x" * 5000 + ".yaml", "cannot be read"),
        ("sobel:3", "'sobel' has fixed weights and takes no parameters"),
        ("sobel-x:size=3", "'sobel-x' has fixed weights and takes no parameters"),
        ("gaussian:sgma=2", "no parameter 'sgma'. Did you mean 'sigma'?"),
        ("gaussian:sigma", "gaussian: sigma=sigma is not a number"),
        ("gaussian:sigma=", "'sigma=' is not param=value"),
        ("gaussian:1,2", "'2' is not param=value"),
        ("gaussian:sigma=1,sigma=2", "'sigma' is given twice"),
        ("gaussian:2,sigma=2", "'sigma' is given twice"),
    ],
)
def test_refusals(spec: str, words: str) -> None:
    with pytest.raises(KernelError) as caught:
        find(spec, SHIPPED)
    message = str(caught.value)
    assert words in message
    assert all(line.isprintable() for line in message.split("\n"))


def test_where_it_was_looked_for(place: Place) -> None:
    write(place, "one.yaml", "matrix: 1\n")
    with pytest.raises(KernelError) as caught:
        find("two", [place])
    assert "Looked in: mine (1)." in caught.value.hint


def test_tags() -> None:
    edges = listing(SHIPPED, "edge")
    assert edges
    assert all("edge" in entry.tags for entry in edges)
    assert listing(SHIPPED, "no such tag") == []


def test_a_name_that_is_a_file_name_reads_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    real = Path.open

    def counted(self: Path, *args: object, **kwargs: object) -> object:
        read.append(self)
        return real(self, *args, **kwargs)  # type: ignore[call-overload]  # passed on as it came

    monkeypatch.setattr(Path, "open", counted)
    find("sobel", SHIPPED)
    assert [path.name for path in read] == ["sobel.yaml"]


def test_listing_and_finding_import_no_numpy() -> None:
    script = (
        "import sys\n"
        "from convcli.kernels.library import find, listing\n"
        "assert len(listing()) > 45\n"
        "find('sobel'); find('gaussian:2'); find('blur')\n"
        "print([m for m in ('numpy', 'scipy', 'PIL', 'rich') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_two_files_of_one_name_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: same\nmatrix: 1 2 1\n")
    (tmp_path / "b.toml").write_text('name = "same"\nmatrix = [[1, 2]]\n')
    with pytest.raises(KernelError, match=r"'same' is in a\.yaml and b\.toml"):
        find("same", search_path((tmp_path,)))
