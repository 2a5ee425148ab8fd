"""
Kernel files that mean harm or went wrong, made on the spot, and what has to be said of them.

    case = CASES["alias bomb"];  path = case.write(folder);  the error matches case.says

`says` is matched in the whole message, which begins with the file, line and column.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Case:
    """The bytes of a file, where it is called so, what is beside it, and what must be said."""

    data: bytes
    says: str
    name: str = "k.yaml"
    beside: Callable[[Path], object] | None = None

    def write(self, folder: Path) -> Path:
        home = folder / "home"
        home.mkdir()
        if self.beside:
            self.beside(home)
        path = home / self.name
        path.write_bytes(self.data)
        return path


def yaml(text: str, says: str, beside: Callable[[Path], object] | None = None) -> Case:
    return Case(text.encode(), says, beside=beside)


def toml(text: str, says: str) -> Case:
    return Case(text.encode(), says, "k.toml")


def outside(home: Path) -> None:
    """A file beside the folder, and ways from inside to it."""
    (home.parent / "secret.csv").write_text("1 2\n3 4\n")
    np.save(home.parent / "secret.npy", np.ones((1, 1, 1, 1)))
    (home / "link.csv").symlink_to(home.parent / "secret.csv")
    (home / "up").symlink_to(home.parent)
    (home / "loop.csv").symlink_to("loop.csv")
    (home / "zero.csv").symlink_to("/dev/zero")
    (home / "link.npy").symlink_to(home.parent / "secret.npy")
    os.mkfifo(home / "pipe.csv")
    os.mkfifo(home / "pipe.npy")
    (home / "folder.csv").mkdir()


def big_array(home: Path) -> None:
    """Headers that promise more than there is, an archive that unpacks to it, and a pickle."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000, 3, 3), }"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (home / "huge.npy").write_bytes(start)
    with zipfile.ZipFile(home / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", start + bytes(50_000_000))
    np.save(home / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.save(home / "nan.npy", np.full((1, 1, 3, 3), np.nan))
    np.save(home / "cells.npy", np.ones((1001, 1000)))


def network(home: Path) -> None:
    (home / "a.yaml").write_text("kernels: [{use: k}]\n")


OUTSIDE = r"k\.yaml:1:7: 'file' names a .* file in the same folder"
AWAY = r"k\.yaml:1:20: .* lies outside the folder"
WORK = "this takes more arithmetic than an expression may"
bomb = "a0: &a0 [1, 2]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))
rows = "\n".join(["  " + "1 " * 1000] * 1000)

CASES = {
    "alias bomb": yaml(bomb + "matrix: *a29\n", r"k\.yaml:2:10: alias '\*a0'"),
    "alias of nothing": yaml("matrix: *x\n", r"k\.yaml:1:9: .*alias"),
    "tag that runs": yaml("matrix: !!python/object/apply:os.system ['true']\n", r"k\.yaml:1:9: tag"),
    "tag of numbers": yaml("matrix:\n  - [!!float 1]\n", r"k\.yaml:2:6: tag"),
    "million listed": yaml("matrix:\n" + "- [" + "1," * 1000 + "1]\n" * 1000, r"k\.yaml:\d+:\d+: "),
    "million in rows": yaml("matrix:\n" + ("- [" + "1," * 999 + "1]\n") * 1000, r"k\.yaml:18:\d+: more than 16384"),
    "million in toml": toml("matrix = [" + ("[" + "1," * 999 + "1],\n") * 1000 + "]", r"k\.toml:19: more than 16384"),
    "million and one in a block": yaml("matrix: |\n" + rows + " 1\n", r"k\.yaml:1001:\d+: |more than 1000000 numbers"),
    "million words": yaml("matrix: |\n" + rows.replace("1", "x"), r"k\.yaml:2:3: 'x' is not a number"),
    "million ragged rows": yaml("matrix: |\n" + "  1\n  1 1\n" * 300_000, r"k\.yaml:3: ?.*row 2 has 2 numbers"),
    "NaN": yaml("matrix:\n  - [1, .nan]\n", r"k\.yaml:2:9: '\.nan' is not a weight"),
    "infinity": toml("matrix = [[1,\n inf]]", r"k\.toml:2:2: 'inf' is not a weight"),
    "beyond floats": yaml("matrix: [[1e999]]\n", r"k\.yaml:1:11: '1e999' is too large"),
    "long number": yaml("matrix: [[" + "1" * 1_000_000 + "]]\n", r"k\.yaml:1:11: '1{37}\.\.\.' is too large"),
    "long integer of toml": toml("title = 'a'\nmatrix = [[" + "1" * 100_000 + "]]", r"k\.toml:2: is not TOML"),
    "deep lists": yaml("matrix: " + "[" * 100_000 + "\n", r"k\.yaml:1:\d+: nested too deeply"),
    "deep tables": yaml("".join(" " * i + "a:\n" for i in range(3000)), r"k\.yaml:\d+:\d+: nested too deeply"),
    "deep lists of toml": toml("matrix = " + "[" * 100_000, r"k\.toml:1: (is nested too deeply|more than)"),
    "dotted key": toml(".".join(["a"] * 20_000) + " = 1", r"k\.toml:1: has a dotted key"),
    "many tables": toml("".join(f"[a{i}]\n" for i in range(60_000)), r"k\.toml:4097: more than 4096 keys"),
    "many keys": yaml("".join(f"a{i}: 1\n" for i in range(30_000)), r"k\.yaml:4097:1: more than 4096 keys"),
    "the same key again and again": yaml("matrix: 1 2\n" * 30_000, r"k\.yaml:2: 'matrix' is given twice"),
    "wrong types": yaml("matrix: {a: 1}\ntags: [[1]]\nscale: [2]\nname: {}\n", r"k\.yaml:1:9: [\s\S]*:2:7: [\s\S]*:3:8: [\s\S]*:4:7: "),
    "a list": yaml("[1, 2]\n", r"k\.yaml:1:1: is not a kernel file"),
    "not UTF-8": Case(b"title: a\nname: \xff\n", r"k\.yaml:2: is not UTF-8: byte 0xff at offset 15"),
    "UTF-16": Case("matrix: 1 2\n".encode("utf-16"), r"k\.yaml:1: is not UTF-8"),
    "NUL": Case(b"title: \xc3\xa4\nmatrix: 1\0 2\n", r"k\.yaml:2: is not YAML"),
    "nothing": Case(b"", r"k\.yaml:1: is empty"),
    "9 MB": yaml("#" * 9_000_000, r"k\.yaml:1: is larger than 8 MB"),
    "duplicate keys": yaml("matrix: 1 2\nscale: 2\nscale: 3\n", r"k\.yaml:3: 'scale' is given twice \(first on line 2\)"),
    **{
        f"file: {name}": yaml(f"file: {name}\n", OUTSIDE, outside)
        for name in ("../secret.csv", "/etc/passwd", "/dev/zero", "link.csv", "up/secret.csv", "zero.csv", "folder/../../secret.csv")
    },
    "file: a pipe": yaml("file: pipe.csv\n", r"k\.yaml:1:7: .*is not a file", outside),
    "file: a folder": yaml("file: folder.csv\n", r"k\.yaml:1:7: .*is not a file", outside),
    "file: a loop": yaml("file: loop.csv\n", r"k\.yaml:1:7: ", outside),
    "file: a NUL": yaml('file: "a\\0.csv"\n', r"k\.yaml:1:7: 'file' holds control characters"),
    "file: a long name": yaml("file: " + "a" * 3000 + ".csv\n", r"k\.yaml:1:7: ", outside),
    "file: objects": yaml("file: objects.npy\n", r"k\.yaml:1:7: .*objects\.npy", big_array),
    "file: too many cells": yaml("file: cells.npy\n", r"k\.yaml:1:7: .*more than 1000000 weights", big_array),
    "file: more than there is": yaml("file: huge.npy\n", r"k\.yaml:1:7: .*huge\.npy", big_array),
    **{
        f"weights: {name}": yaml(f"layers: [{{weights: {name}}}]\n", AWAY, outside)
        for name in ("../secret.npy", "/dev/../secret.npy", "link.npy", "up/secret.npy")
    },
    "weights: a pipe": yaml("layers: [{weights: pipe.npy}]\n", r"k\.yaml:1:20: .*does not exist|is not a file", outside),
    "weights: more than there is": yaml("layers: [{weights: huge.npy}]\n", r"k\.yaml:1:20: .*more than 4,000,000", big_array),
    "weights: a zip bomb": yaml("layers: [{weights: bomb.npz}]\n", r"k\.yaml:1:20: .*more than 4,000,000", big_array),
    "weights: NaN": yaml("layers: [{weights: nan.npy}]\n", r"k\.yaml:1:20: .*NaN or infinity", big_array),
    "bias: outside": yaml("layers: [{weights: [[[[1]]]], bias: ../secret.npy}]\n", r"k\.yaml:1:37: .*outside", outside),
    "many layers": yaml("layers:\n" + "- {weights: [[[[1]]]]}\n" * 500, r"k\.yaml:2:1: 'layers' is a list of 1 to 100"),
    "groups without end": yaml("layers: [{weights: [[[[1]]]], groups: 1000000000}]\n", r"k\.yaml:1:39: 'groups' takes"),
    "use: a template": yaml("kernels: [{use: 'template:../x.png'}]\n", r"k\.yaml:1:17: "),
    "use: itself": yaml("kernels: [{use: a}]\n", r"k\.yaml:1:17: .*uses itself", network),
    "use: a device": yaml("kernels: [{use: /dev/zero}]\n", r"k\.yaml:1:17: "),
    "expression of boxes": yaml("expression: " + " * ".join(["box(99)"] * 40) + "\n", rf"k\.yaml:1:\d+: {WORK}"),
    "expression of large boxes": yaml("expression: box(1000) * box(1000)\n", r"k\.yaml:1:13: more than 250000 weights"),
    "expression of many boxes": yaml("expression: " + " + ".join(["box(500)"] * 150) + "\n", rf"k\.yaml:1:\d+: {WORK}"),
    "expression of brackets": yaml("expression: " + "(" * 1500 + "box\n", r"k\.yaml:1:53: more than 40 brackets"),
    "expression of functions": yaml("expression: " + "flip(" * 390 + "box\n", r"k\.yaml:1:\d+: more than 40 brackets"),
    "expression of signs": yaml("expression: " + "-" * 1900 + "box +\n", r"k\.yaml:1:\d+: "),
    "expression of powers": yaml("expression: " + "9e299*" * 300 + "box\n", r"k\.yaml:1:\d+: this number has more than 4096 bits"),
    "expression of divisions": yaml("expression: box" + "/1e299" * 200 + "\n", r"k\.yaml:1:\d+: "),
    "expression that is long": yaml("expression: box" + " + box" * 600 + "\n", r"k\.yaml:1:13: the expression is longer"),
    "expression of unknown names": yaml("expression: " + " + ".join(f"x{i}" for i in range(200)) + "\n", r"k\.yaml:1:13: No kernel is called 'x0'"),
    "dilate": yaml("expression: dilate(box, 1000000000)\n", r"k\.yaml:1:13: dilate takes whole numbers"),
    "dilate within bounds": yaml("expression: dilate(box, 100000)\n", r"k\.yaml:1:13: a 200001x200001 kernel"),
    "rotate": yaml("matrix: 1 2\nrotate: [" + "0," * 15_000 + "0]\n", r"k\.yaml:2:9: 'rotate' is a list of at most 50"),
    "rotate large kernels": yaml("generate: {family: box, size: 999}\nrotate: [" + "90," * 49 + "90]\n", r"k\.yaml:2:9: the kernels have more than 1000000 weights together"),
    "kernels that are large together": yaml("combine: sum\nkernels:\n" + "- {generate: {family: box, size: 600}}\n" * 100, r"k\.yaml:5:3: the kernels have more than"),
    "a million rotations": yaml("matrix: 1 2\nrotate: [" + "0," * 1_000_000 + "0]\n", r"k\.yaml:2:\d+: more than 16384"),
    "angle without end": yaml("matrix: 1 2\nrotate: 1e-300\n", r"k\.yaml:2:9: can't rotate|needs"),
    "many kernels": yaml("combine: sum\nkernels:\n" + "- {generate: {family: box, size: 999}}\n" * 8000, r"k\.yaml:1367:28: more than 4096 keys"),
    "outer product": yaml("row: " + "1 " * 2000 + "\ncolumn: " + "1 " * 2000 + "\n", r"k\.yaml:1:1: more than 1000000"),
    "box": yaml("generate: {family: box, rows: 1000000, columns: 1000000}\n", r"k\.yaml:1:11: a 1000000x1000000 kernel"),
    "gaussian": yaml("generate: {family: gaussian, sigma: 10000}\n", r"k\.yaml:1:11: a 80001x80001 kernel"),
    "gaussian, discrete": yaml("generate: {family: gaussian, sigma: 10000, sampling: discrete}\n", r"k\.yaml:1:11: a 80001x80001"),
    "derivative": yaml("generate: {family: gauss-derivative, sigma: 10000}\n", r"k\.yaml:1:11: a 80001x80001 kernel"),
    "savgol": yaml("generate: {family: savgol, size: 999, rows: 999, degree: 8, dx: 4, dy: 5}\n", r"k\.yaml:1:11: savgol: dy=5"),
    "shift": yaml("generate: {family: shift, right: 5000, down: 5000}\n", r"k\.yaml:1:11: a 10001x10001 kernel"),
    "family of a million letters": yaml("generate: {family: " + "a" * 1_000_000 + "}\n", r"k\.yaml:1:11: no family is called"),
}  # fmt: skip
"""By what they try."""
