"""Inputs to tasks: templates, collisions, what exists; all of it before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convcli.api import recipe
from convcli.batch import places, targets
from convcli.batch.existing import EXISTS
from convcli.batch.inputs import Choice, find
from convcli.batch.naming import FIELDS, of_input, template
from convcli.batch.targets import Targets, Wanted, settle
from convcli.batch.task import Input, Task
from convcli.errors import ConvError, OutputError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.library import find as kernel
from convcli.kernels.library import search_path
from convcli.padding import Padding

posix = pytest.mark.skipif(os.name != "posix", reason="such names and links are POSIX's")

GAUSS, SOBEL = (kernel(name, search_path([])) for name in ("gaussian:sigma=2", "sobel"))
WISHES = Wishes(padding=Padding.parse("constant:7"), stride=(2, 3))
CHAIN = (make_job([GAUSS, SOBEL], WISHES),)
EACH = tuple(make_job([recipe], WISHES) for recipe in (GAUSS, SOBEL))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("1\n")


def planned(*words: str, out: str = "out", **said: str | bool) -> Targets:
    inputs = find(words, Choice()).inputs
    return settle(inputs, Wanted(out, **said), EACH if said.get("each") else CHAIN)  # type: ignore[arg-type]  # fields by name


def names(*words: str, out: str = "out", **said: str | bool) -> list[str]:
    return [task.target for task in planned(*words, out=out, **said).tasks]


def refused(kind: type[ConvError], *words: str, out: str = "out", **said: str | bool) -> str:
    before = sorted(Path().rglob("*"))
    with pytest.raises(kind) as caught:
        planned(*words, out=out, **said)
    assert sorted(Path().rglob("*")) == before
    return str(caught.value)


def test_the_tree_below_each_named_folder_is_kept_and_nothing_is_made() -> None:
    make("p/1.png", "p/a/b/1.png", "q/2.png", "r/3.png")
    assert names("p", "q", "r/3.png") == ["out/1.png", "out/a/b/1.png", "out/2.png", "out/3.png"]
    assert planned("p").notes == ("out is a new folder",)
    assert not Path("out").exists()


@pytest.mark.parametrize("words", [("p",), ("p/1.png",)])
def test_an_output_without_a_name_is_none(words: tuple[str, ...]) -> None:
    make("p/1.png", "p/2.png")
    with pytest.raises(UsageError, match=r"^-o '' names nothing"):
        names(*words, out="")


def test_empty_parts_of_a_template_are_no_folders() -> None:
    make("p/1.png", "p/a/2.png")
    assert names("p", name="{name}//{dir}") == ["out/1", "out/2/a"]


@pytest.mark.parametrize("name", ["a", "a.b", "a.b.c", "a.", ".a", ".a.b", "..a", "...", "a..b"])
def test_names_end_where_python_says(name: str) -> None:
    values = of_input(Input(os.path.join("x.y", name)), 1, "png")
    dot = "." * name.endswith("a.")
    assert (values["name"], f".{values['inext']}".rstrip(".") + dot) == os.path.splitext(name)


def test_every_field_of_a_template() -> None:
    make("photos/2024/a.b.JPG")
    others = {"hash", "date", "filter"}
    text = "|".join(f"{{{field}}}" for field in FIELDS if field not in others)
    assert template(text.replace("|", "+")).fields == FIELDS.keys() - others
    [name] = names("photos", name=text.replace("|", "&").replace("{dir}&", ""), form="tif")
    assert name == (
        "out/a.b&tif&JPG&photos&gaussian-sigma=2+sobel&convolve+correlate&constant-7&2x3&1"
    )
    [name] = names("photos", name="{date:%Y}/{hash}/{hash:.3}-{{x}}-{index:04d}-{name:.1}.{ext}")
    _, year, digits, last = Path(name).parts
    assert len(year) == 4
    assert int(digits, 16) >= 0
    assert last == f"{digits[:3]}-{{x}}-0001-a.JPG"


def test_the_hash_is_that_of_kernels_and_options() -> None:
    make("a.png")
    inputs = find(["a.png"], Choice()).inputs
    jobs = [
        make_job([GAUSS], Wishes()),
        make_job([GAUSS], Wishes()),
        make_job([SOBEL], Wishes()),
        make_job([GAUSS], Wishes(stride=(2, 2))),
        make_job([recipe([[1, 2]])], Wishes()),
        make_job([recipe([[1, 3]])], Wishes()),
    ]
    found = [settle(inputs, Wanted("out/", "{hash}"), [job]).tasks[0].target for job in jobs]
    assert found[0] == found[1]
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("{dri}/{name}", 1, "Did you mean 'dir'?"),
        ("{name}-{}", 8, "'' is no field"),
        ("{name.real}", 1, "'name.real' is no field"),
        ("{name[0]}", 1, "'name[0]' is no field"),
        ("{name!r}", 1, "'name!r' is no field"),
        ("{index:.2x}", 1, "Precision not allowed"),
        ("{name:04d}", 1, "Write {index:04d}"),
        ("{name}{filter:x}", 7, "Write {filter} or {filter:02d}"),
        ("{filter:10d}", 1, "Write {filter} or {filter:02d}"),
        ("x{name", 1, "a brace alone"),
        ("x}", 1, "a brace alone"),
        ("{name:{index}}", 0, "a brace alone"),
        ("a:b/{name}", 1, "Windows"),
        ("{name}\\x", 6, "Windows"),
        ("/{name}", 0, "never from the root"),
        ("{dir}/../{name}", 6, "leads out"),
        ("{dir}/", 6, "name of the file is missing"),
        ("", 0, "name of the file is missing"),
    ],
)
def test_a_wrong_template_is_shown_with_its_place(text: str, column: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        template(text)
    lines = str(caught.value).splitlines()
    assert lines[1:3] == [f"    {text}", "    " + " " * column + "^"]
    assert words in str(caught.value)


def test_what_inputs_are_called_is_never_expanded() -> None:
    make("p/{name}{0}%d.png", "p/{{.png")
    assert names("p") == ["out/{name}{0}%d.png", "out/{{.png"]


def test_each_kernel_has_its_output_and_two_of_one_name_are_numbered() -> None:
    make("p/x/a.png")
    tasks = planned("p", each=True).tasks
    assert [(task.number, task.target, task.job) for task in tasks] == [
        (1, "out/x/a-gaussian-sigma=2.png", 0),
        (2, "out/x/a-sobel.png", 1),
    ]
    assert names("p", each=True, name="{kernel}/{dir}/{name}.{ext}") == [
        "out/gaussian-sigma=2/x/a.png",
        "out/sobel/x/a.png",
    ]
    jobs = (*EACH, EACH[1])
    found = settle(find(["p"], Choice()).inputs, Wanted("out", each=True), jobs)
    assert found.tasks[2].target == "out/x/a-sobel-2.png"


def test_each_without_the_kernel_in_the_template_is_refused_with_the_one_that_would_do() -> None:
    make("a.png")
    told = refused(UsageError, "a.png", each=True, name="{dir}/{name}.{ext}")
    assert "Say --name '{dir}/{name}-{kernel}.{ext}'" in told


def test_suffixes() -> None:
    make("p/a.PNG", "p/b.tga", "p/c.jp2", "q/d.xyz", "q/e")
    assert names("p") == ["out/a.PNG", "out/b.png", "out/c.png"]
    assert planned("p").notes[0] == ".jp2 is not written: its results are .png"
    assert names("q/d.xyz", "q/e") == ["out/d.png", "out/e"]
    assert names("p", "q/e", form="webp") == [f"out/{name}.webp" for name in "abce"]


def test_collisions_name_both_and_the_template_that_keeps_them_apart() -> None:
    make("p/a/1.png", "p/b/1.png", "q/a/1.png", "r/1.png", "r/1.tif")
    told = refused(OutputError, "p", name="{name}.{ext}")
    assert told.startswith(
        "Two inputs would be written to out/1.png:\n    p/a/1.png\n    p/b/1.png\n"
    )
    assert "--name '{dir}/{name}.{ext}'" in told
    assert "--name '{root}/{dir}/{name}.{ext}'" in refused(OutputError, "p", "q")
    assert "--name '{dir}/{name}-{inext}.{ext}'" in refused(OutputError, "r", form="png")
    told = refused(OutputError, "p/a/1.png", "p/b/1.png", "q/a/1.png")
    assert "and 1 more of the kind" in told
    assert "--name '{dir}/{index:04d}-{name}.{ext}'" in told
    assert names("p/a/1.png", "p/b/1.png", name="{dir}/{index:04d}-{name}.{ext}")


@posix
@pytest.mark.parametrize(
    ("one", "other"),
    [("A.png", "a.png"), ("\u00fc.png", "u\u0308.png"), ("\u1e9e.png", "SS.png")],
)
def test_names_that_are_one_file_on_many_disks_are_refused(one: str, other: str) -> None:
    make(f"p/{one}", f"p/{other}")
    told = refused(OutputError, "p")
    assert "names that are one file on many disks" in told
    assert f"p/{one} -> out/{one}" in told
    assert f"p/{other} -> out/{other}" in told


@posix
def test_odd_names_keep_every_byte() -> None:
    odd = ["new\nline.png", "\N{DANCER}.png", "\udcff.png", "a:b.png", "con.png", "dot..png"]
    make(*(f"p/{name}" for name in odd))
    assert sorted(names("p")) == sorted(f"out/{name}" for name in odd)


@pytest.mark.parametrize(
    ("source", "text", "words"),
    [
        ("concert.png", "{name:.3}.{ext}", "Windows keeps it for a device"),
        ("a.png", "aux", "Windows keeps it for a device"),
        ("a.png", "COM1.{name}.{ext}", "Windows keeps it for a device"),
        ("a.png", "{name}./x.{ext}", "Windows drops the dot"),
        ("a.png", "{name:<9}", "Windows drops the space"),
        ("a.png", "{name}.", "Windows drops the dot"),
        ("a.png", "{name:?<9}{name:*<9}", "Windows has no * ? in names"),
        ("a.png", "{name:x<252}.{ext}", "it has 256 bytes, and names end at 255"),
        ("a.png", "{name:.0}.{ext:.0}", "gives no name"),
        ("a.png", "{name:.0}", "gives no name"),
        ("a.png", "x/{name:.0}./y", "gives no name"),
    ],
)
def test_names_that_a_template_must_not_make(source: str, text: str, words: str) -> None:
    make(source)
    assert words in refused(OutputError, source, name=text)


def test_a_folder_of_results_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(name: str, source: Input) -> None:
        seen.append(name)
        places.check_name(name, source)

    monkeypatch.setattr(targets, "check_name", noted)
    make("p/a/1.png", "p/a/2.png", "p/a/b/3.png")
    assert names("p") == ["out/a/1.png", "out/a/2.png", "out/a/b/3.png"]
    assert seen == ["a", "1.png", "2.png", "a", "b", "3.png"]


def test_names_as_long_as_can_be_are_taken() -> None:
    make("p/" + "x" * 251 + ".png", "p/" + "\u00fc" * 125 + ".png")
    assert [len(os.fsencode(Path(name).name)) for name in names("p")] == [255, 254]


def test_windows_takes_no_name_of_its_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Input("con.png")
    places.check_name("con.png", source)
    monkeypatch.setattr(places, "ON_WINDOWS", True)
    with pytest.raises(OutputError, match="for a device"):
        places.check_name("con.png", source)


def test_no_target_is_a_folder_that_another_needs() -> None:
    make("p/a.png", "p/a/b.png")
    told = refused(OutputError, "p", name="{dir}/{name}")
    assert told.startswith("out/a would be a file and a folder:\n    p/a.png\n    p/a/b.png")


def test_folders_and_files_in_the_way() -> None:
    make("p/a.png", "p/x/b.png", "one/a.png/c", "two/x")
    assert "one/a.png is a folder" in refused(OutputError, "p", out="one", exists="overwrite")
    assert "two/x is a file, and a folder" in refused(OutputError, "p", out="two")
    assert "p/a.png is a file" in refused(OutputError, "p", out="p/a.png/")
    assert "one/a.png/c is a file" in refused(OutputError, "p", out="one/a.png/c")
    os.symlink("nowhere", "dead")
    assert "dead is a link that leads nowhere" in refused(OutputError, "p", out="dead/")


def test_no_permission_is_found_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    make("p/a.png", "shut/x")
    monkeypatch.setattr(os, "access", lambda path, _: path != "shut")
    told = refused(OutputError, "p", out="shut/new/deep")
    assert told.startswith("shut/new/deep: no permission to write into shut.")


def test_several_images_or_a_folder_do_not_go_into_one_file() -> None:
    make("p/a.png", "q.png")
    assert "2 images cannot be" in refused(UsageError, "p", "q.png", out="o.png")
    assert "'o.png' is one file" in refused(UsageError, "p", out="o.png")
    assert "'o.png' is one file" in refused(UsageError, "q.png", out="o.png", name="{name}")
    assert "no name to take" in refused(UsageError, "-", out="p")
    assert names("q.png", out="o.png") == ["o.png"]
    assert names("-", out="-") == ["-"]


@pytest.mark.parametrize("exists", EXISTS)
def test_a_target_that_is_the_input_is_refused(exists: str) -> None:
    make("p/a.png", "q/b.png")
    os.link("q/b.png", "p/b.png")
    os.symlink("../p/a.png", "q/a.png")
    os.symlink("p", "link")
    for source, out in (("p", "p"), ("p", "link"), ("q/a.png", "p"), ("p/b.png", "q")):
        if exists == "rename":
            assert names(source, out=out, exists=exists)[0].endswith("-2.png")
        else:
            assert "is the input itself" in refused(OutputError, source, out=out, exists=exists)


def test_a_target_that_is_another_input_is_refused() -> None:
    make("p/a.png", "p/a-soft.png")
    told = refused(OutputError, "p", out="p", name="{name}-soft.{ext}", exists="overwrite")
    assert "The result of p/a.png would replace an input:\n    p/a-soft.png" in told
    assert "--exclude" in told


def task(exists: str) -> Task:
    [one] = planned("p", exists=exists).tasks
    return one


def test_what_exists_is_skipped_renamed_or_overwritten() -> None:
    make("p/a.png", "out/a.png", "out/A-2.png")
    assert (task("skip").skip, task("skip").overwrite) == ("out/a.png exists", False)
    assert (task("rename").target, task("rename").overwrite) == ("out/a-2.png", False)
    make("out/a-2.png", "out/a-3.png")
    assert task("rename").target == "out/a-4.png"
    assert (task("overwrite").overwrite, task("overwrite").skip) == (True, "")


def test_only_what_is_older_than_its_input_is_replaced() -> None:
    make("p/a.png", "out/a.png")
    for age, replaced in ((-1, True), (0, False), (1, False)):
        os.utime("p/a.png", ns=(0, 5_000_000_000))
        os.utime("out/a.png", ns=(0, 5_000_000_000 + age))
        assert task("newer").overwrite is replaced
        assert bool(task("newer").skip) is not replaced


def test_names_made_by_renaming_are_not_those_of_other_results() -> None:
    make("p/a.png", "p/a-2.png", "out/a.png")
    assert names("p", exists="rename") == ["out/a-2.png", "out/a-3.png"]


def test_all_that_exists_is_told_before_any_work() -> None:
    make(*(f"{folder}/{n}.png" for folder in ("p", "out") for n in range(5)), "p/new.png")
    told = refused(OutputError, "p")
    assert told.startswith("5 of 6 results exist:\n    out/0.png\n")
    assert "and 2 more\nUse --exists overwrite, skip, newer or rename." in told
    assert refused(OutputError, "p/1.png").startswith("out/1.png exists.\n")


def test_one_file_obeys_the_rule_too() -> None:
    make("a.png", "o.png")
    assert "o.png exists" in refused(OutputError, "a.png", out="o.png")
    [skipped] = planned("a.png", out="o.png", exists="skip").tasks
    assert skipped.skip == "o.png exists"
    assert names("a.png", out="o.png", exists="rename") == ["o-2.png"]
    [replaced] = planned("a.png", out="o.png", exists="overwrite").tasks
    assert replaced.overwrite


@posix
def test_in_place_every_input_is_its_own_target_through_links_the_file() -> None:
    make("p/a.png", "q/b.png")
    os.symlink("../q/b.png", "p/b.png")
    tasks = planned("p", out="", in_place=True).tasks
    assert [(one.target, one.overwrite) for one in tasks] == [
        ("p/a.png", True),
        (str(Path("q/b.png").resolve()), True),
    ]
    os.symlink("b.png", "p/c.png")
    assert "p/b.png\n    p/c.png" in refused(OutputError, "p", out="", in_place=True)
    assert "Standard input" in refused(UsageError, "-", out="", in_place=True)


def test_a_folder_of_results_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    make(*(f"p/{n}.png" for n in range(50)), "out/x")
    inputs = find(["p"], Choice()).inputs
    calls: list[str] = []
    genuine = os.scandir

    def scandir(path: str) -> object:
        calls.append(path)
        return genuine(path)

    def never(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        for name in ("stat", "lstat"):
            patched.setattr(os, name, never)
        patched.setattr(os.path, "isdir", lambda _: True)
        tasks = settle(inputs, Wanted("out"), CHAIN).tasks
    assert len(tasks) == 50
    assert calls == ["out"]
