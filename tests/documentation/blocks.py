"""Write all examples as modules, so that type checkers read them: `python -m tests.documentation.blocks FOLDER`.

Each page becomes a module with a function for each example, for `await` is no statement of a module. Examples that are
files stay files. The reference is a module too.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from pathlib import Path

from generator.generate import VENDORED, build
from generator.reference.calls import examples

from .pages import GUIDES, ROOT, examples_of
from .reader import NAMES

__all__ = ["write"]


def write(folder: Path) -> None:
    """Write the modules to a folder; what is in it is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "__init__.py").touch()
    for page in GUIDES:
        name = re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix()).lower()
        blocks: dict[str, str] = {}
        for example in examples_of(page):
            if example.file:
                (folder / example.file).write_text(example.code, "utf-8")
            elif not example.excuse:
                blocks[f"line_{example.line}"] = example.code
        if blocks:
            (folder / "guides" / f"{name}.py").write_text(_module(blocks), "utf-8")
    functions = {
        name.replace(".", "_"): code for name, code in examples(*build(ROOT / VENDORED, VENDORED.name)).items()
    }
    (folder / "guides" / "reference.py").write_text(_module(functions), "utf-8")


def _module(blocks: dict[str, str]) -> str:
    names = ", ".join(sorted(NAMES))
    functions = [f"async def {name}() -> None:\n{textwrap.indent(code, '    ')}" for name, code in blocks.items()]
    return f"from tests.documentation.names import {names}\n\n\n" + "\n\n".join(functions)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
