"""The time and the memory that a generation takes: 12 s and 500 MB for our document, 30 s for one three times it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from generator.document import load
from generator.emit import ROOT
from generator.generate import VENDORED

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = """
import os, sys
from pathlib import Path
from generator.__main__ import main
status = main(["--spec", sys.argv[1]], root=Path(sys.argv[2]))
times = os.times()
seconds = times.user + times.system + times.children_user + times.children_system
# Not `ru_maxrss` of this process, which begins with the peak of the one that started it.
[peak] = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(status, seconds, peak / 1024)
"""


def times_three(document: dict[str, Any]) -> dict[str, Any]:
    """A document with three of each schema and operation."""
    made = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    for copied in ("Second", "Third"):

        def renamed(node: Any, suffix: str = copied) -> Any:
            return json.loads(json.dumps(node).replace('"#/components/schemas/', f'"#/components/schemas/{suffix}'))

        made["components"]["schemas"] |= {copied + name: renamed(node) for name, node in schemas.items()}
        for path, path_item in document["paths"].items():
            # The corrections that mend names are those of the first of the three.
            first, _, rest = path[1:].replace("/import", "/take_over").partition("/")
            item = renamed(path_item)
            for method in (m for m in item if m != "parameters"):
                item[method]["operationId"] = copied + item[method].get("operationId", "")
                item[method]["tags"] = [f"{copied} {t}" for t in item[method].get("tags", ())]
            made["paths"]["/" + "/".join(filter(None, (f"{copied.lower()}_{first}", rest)))] = item
    return made


@pytest.mark.parametrize(("times", "most_seconds"), [(1, 12), (3, 30)])
def test_a_generation_stays_within_its_time_and_memory(times: int, most_seconds: float, tmp_path: Path) -> None:
    spec = ROOT / VENDORED
    if times == 3:
        spec = tmp_path / "large.json"
        spec.write_text(json.dumps(times_three(load(ROOT / VENDORED).data)), encoding="utf-8")
    command = [sys.executable, "-c", MEASURED, str(spec), str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    status, seconds, megabytes = (float(each) for each in process.stdout.splitlines()[-1].split())
    assert status == 0, process.stderr
    # Seconds of the processor, which other work on the machine does not change.
    assert seconds < most_seconds
    assert megabytes < 500
