"""The JSON Schema of kernel files says what the checker says, but for what is listed here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from convcli.cli.main import run
from convcli.kernels import schema
from convcli.kernels.families import FAMILIES
from convcli.kernels.library import Place, check_file, shipped_kernels
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

VALIDATOR = jsonschema.Draft7Validator(schema.schema())
CORPUS = Path(__file__).parents[2] / "shared" / "testdata" / "kernels" / "files"
SHIPPED = sorted(path for path in shipped_kernels().iterdir() if path.suffix != ".json")


@record
class Beyond:
    """Faults that a schema cannot find, by their texts, and a file with one that it takes."""

    faults: str
    example: str


BEYOND = {
    "what is no plain YAML or TOML": Beyond(
        r"^is not (YAML|TOML)|given twice|^alias |^tag |nested too deeply|dotted key|^more than \d",
        "{matrix: [[1]], matrix: [[2]]}",
    ),
    "ragged rows": Beyond(r"^row \d+ has \d+ numbers?, |^filter \d+ has ", "matrix: [[1, 2], [3]]"),
    "what a text of numbers says": Beyond(
        r"' is not a number$|too large|factor is 0|number is missing|divides by zero$|no numbers",
        "matrix: 1 2 3.4.5",
    ),
    "NaN, which no bound catches": Beyond(r"nan' is not a weight", "matrix: [[.nan, 1]]"),
    "sums": Beyond(r"can't scale by |add up to", "{matrix: [[1, -1]], scale: sum}"),
    "products of scales": Beyond(
        r"^a scale of (0|inf) is impossible$", "{matrix: [[1/9]], scale: 1.0e-323}"
    ),
    "anchors outside": Beyond(r"^anchor \S+ lies outside", "{matrix: [[1]], anchor: [0, 1]}"),
    "other files": Beyond(
        r"^'file' names|' does not exist|: does not exist|cannot be read|lies outside the folder",
        "file: ../weights.csv",
    ),
    "other kernels": Beyond(
        r"^No kernel is called|kernels; use one|is written for|uses itself",
        "kernels: [{use: no-such-kernel}]",
    ),
    "expressions": Beyond(
        r"expected here|is missing here|number, not a kernel", "expression: 2*identity +"
    ),
    "bounds of numbers that are text": Beyond(
        r"=\S+ is not (a|an|one) ", "generate: {family: gaussian, sigma: 1/1000}"
    ),
    "what parameters have to do with each other": Beyond(
        r"^(ring|savgol|gradient|dct|impulse|gauss-derivative|dog|box|highboost|highpass|laws)\b",
        "generate: {family: ring, inner: 5, outer: 2}",
    ),
    "turns by an eighth of what is no odd square": Beyond(
        r"^can't rotate a ", "{matrix: [[1, 2]], rotate: 45}"
    ),
    "turns that are text": Beyond(r"^can't rotate by", "{matrix: [[1]], rotate: 1/2}"),
    "how many kernels there are": Beyond(
        r"^'combine' (orientation takes|'ratio:)",
        "{kernels: [{row: 1 2}, {row: 3 4}], combine: ratio:3}",
    ),
    "how many filters there are": Beyond(
        r"^'bias' has \d|filters cannot be shared", "layers: [{weights: [[[[1]]]], bias: [1, 2]}]"
    ),
    "layers that do not fit": Beyond(
        r"^layer \d+ reads ", "layers: [{weights: [[[[1]], [[1]]]]}, {weights: [[[[1]], [[1]]]]}]"
    ),
    "1.0, which is 1 to a schema": Beyond(
        r"whole numbers? from|^'anchor' is \[row", "{matrix: [[1]], anchor: [0.0, 0]}"
    ),
    "+1, which is 1 to a schema": Beyond(
        r"^'(name|tags|aliases|see)' '[+]\d.*may hold", "{matrix: [[1]], name: +1}"
    ),
    "letters beyond ASCII told from signs": Beyond(
        r"may hold letters", "{matrix: [[1]], name: a\u20acb}"
    ),
    "one number where rows are wanted": Beyond(r"^'matrix' is a list of rows", "matrix: 1/9"),
    "blocks told from texts in quotes": Beyond(
        r"^'weights' are numbers", 'layers: [{weights: [["1 2\\n3 4"]]}]'
    ),
}


class Core(yaml.SafeLoader):
    """What an editor makes of YAML: version 1.2, without dates, `on` and sexagesimals."""


Core.yaml_implicit_resolvers = {}
for tag, pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}.items():
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), None)
Core.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value, 10))
Core.add_constructor(
    "tag:yaml.org,2002:float",
    lambda _, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan")),
)


def data_of(path: Path) -> Any:
    """What an editor sees; None where the text is no YAML or TOML at all."""
    text = path.read_text(encoding="utf-8-sig")
    return tomllib.loads(text) if path.suffix == ".toml" else yaml.load(text, Core)  # noqa: S506 - a safe loader


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Place]:
    """A folder of two kernels: names that are unknown are sought in all files."""
    folder = tmp_path_factory.mktemp("known")
    for name in ("identity.yaml", "sobel-x.yaml"):
        (folder / name).write_bytes((shipped_kernels() / name).read_bytes())
    return [Place(folder, "known")]


def faults(path: Path, known: list[Place]) -> list[str]:
    return [fault.text for fault in check_file(path, known)]


def beyond(text: str) -> bool:
    return any(re.search(kind.faults, text) for kind in BEYOND.values())


def agree(data: Any, found: list[str]) -> bool:
    """Whether both take it or both refuse it; or the checker alone for reasons of BEYOND."""
    if VALIDATOR.is_valid(data):
        return all(map(beyond, found))
    return bool(found)


def test_it_is_a_schema_and_lies_where_editors_find_it(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft7Validator.check_schema(schema.schema())
    assert run(["kernels", "schema", "--path"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert run(["kernels", "schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == schema.schema()
    assert path.read_text(encoding="utf-8") == printed, "convcli kernels schema > it"


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_it_takes_every_shipped_kernel(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(data_of(path))] == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus of kernel files is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.*")), ids=lambda path: path.name)
def test_it_agrees_on_files_of_others(path: Path, known: list[Place]) -> None:
    if path.stat().st_size > 20_000 or b"!!python" in path.read_bytes():
        pytest.skip("an attack on readers, which no schema sees")
    try:
        data = data_of(path)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        assert faults(path, known)  # neither has anything to judge
        return
    assert agree(data, faults(path, known)), (faults(path, known), data)


@pytest.mark.parametrize("kind", BEYOND)
def test_what_it_cannot_say_is_listed(kind: str, tmp_path: Path, known: list[Place]) -> None:
    path = tmp_path / "k.yaml"
    path.write_text(BEYOND[kind].example, encoding="utf-8")
    assert VALIDATOR.is_valid(data_of(path))
    found = faults(path, known)
    assert found
    assert all(re.search(BEYOND[kind].faults, text) for text in found), found


SEEDS: tuple[dict[str, Any], ...] = (
    {
        "name": "a", "title": "A", "about": "A\nB", "tags": ["edge"], "aliases": "b", "see": ["c"],
        "source": "S", "license": "MIT", "operation": "correlate", "matrix": [[1, 2], [3, 4]],
        "scale": "1/8", "anchor": [0, 1], "bias": "50%", "range": "signed", "activation": "relu",
    },
    {"row": [1, 2, 1], "column": "1 2 1", "scale": 0.5, "anchor": "center"},
    {"expression": "2*identity - gaussian(2)", "rotate": [0, 90], "combine": "ratio:1"},
    {"file": "weights.csv", "scale": "sum"},
    {
        "kernels": [{"name": "x", "use": "sobel-x"}, {"matrix": "1 2", "rotate": 90, "scale": 2}],
        "combine": "magnitude",
    },
    {
        "layers": [
            {
                "name": "one", "weights": [[[[1, 2], [3, 4]]], [["1 2\n3 4\n", [[5]]]]],
                "scale": 2, "bias": [1, 2], "stride": 2, "dilation": [1, 2], "groups": 1,
                "pad-by": [1, 2, 3, 4], "padding": "constant:1", "activation": "relu",
            },
            {"weights": [[[[1]]]], "onnx-pads": [0, 0, 1, 1]},
            {"weights": "net.npz:conv", "extent": "same", "bias": "net.npy"},
        ],
        "units": "full",
    },
    *({"generate": {"family": "gaussian", "sigma": 2, "sampling": "point", "radius": 3}},),
    *({"generate": {"family": "disk", "radius": 2, "antialias": True}},),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "a b", "1/9", "5", "1/0", "-1", "sum", "center", "0,1", "1\n2", "\x07"),
    *(0, -1, 1.5, 3, 50, 10**7, 1e300, [], {}, [1], [1, 2], [[1, 2], [3]], [[[[1]]]], ["a", "b"]),
    *([1] * 51, {"family": "box"}, {"matrix": [[1]]}, "gaussian", "SCIPY:Mirror", "normalize"),
)


def mutations(node: Any) -> Iterator[Any]:
    """
    Every value of a document in turn dropped, doubled, misnamed or put to each of VALUES.

    Of the numbers or rows of a list the first stands for all.
    """
    yield from VALUES
    if isinstance(node, dict):
        for key, value in node.items():
            rest = {other: kept for other, kept in node.items() if other != key}
            yield rest
            yield {**rest, key + "s": value}
            yield from ({**node, key: changed} for changed in mutations(value))
    if isinstance(node, list):
        for at, value in enumerate(node):
            before, after = node[:at], node[at + 1 :]
            yield [*before, *after]
            yield [*node[: at + 1], *node[at:]]
            if not at or type(value) is not type(node[0]) or isinstance(value, dict):
                yield from ([*before, changed, *after] for changed in mutations(value))


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_it_agrees_on_mutations(seed: int, tmp_path: Path, known: list[Place]) -> None:
    path, wrong, count = tmp_path / "k.yaml", [], 0
    (tmp_path / "weights.csv").write_text("1 2\n3 4\n")
    for data in [SEEDS[seed], *mutations(SEEDS[seed])]:
        path.write_text(json.dumps(data), encoding="utf-8")
        found = faults(path, known)
        count += 1
        if not agree(data, found):
            wrong.append((found, data))
    assert count > 50
    assert not wrong, (len(wrong), wrong[:20])


@pytest.mark.parametrize("name", FAMILIES)
def test_it_knows_every_parameter_of_every_family(
    name: str, tmp_path: Path, known: list[Place]
) -> None:
    path = tmp_path / "k.yaml"
    for knob in FAMILIES[name].knobs:
        number = float if knob.kind == "number" else int
        ends = [number(end) for end in (knob.least, knob.most, knob.least - 1, knob.most + 1)]
        for value in (*ends, "POINT", "Yes", 1.5, ""):
            data = {"generate": {"family": name, knob.name: value}}
            path.write_text(json.dumps(data), encoding="utf-8")
            found = faults(path, known)
            own = [text for text in found if f"{name}: {knob.name}=" in text]
            assert VALIDATOR.is_valid(data) != bool(own), (data, found)
