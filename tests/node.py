"""Node.js, for the modules of the page that need no browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from gan.page import STATIC


class Node:
    """Runs scripts that import from ``./js``, as ``Browser.run`` does on the page."""

    @staticmethod
    def run(script: str, *arguments: object) -> Any:
        """What the body of a function of the list ``given`` returns."""
        program = (
            'import { readFileSync } from "node:fs"; const given = JSON.parse(readFileSync(0, "utf-8"));'
            f"console.log(JSON.stringify(await (async () => {{{script}\n}})()));"
        )
        command = ["node", "--input-type=module", "--eval", program]
        answer = subprocess.run(command, input=json.dumps(arguments), cwd=STATIC, capture_output=True, text=True)
        assert not answer.returncode, answer.stderr
        return json.loads(answer.stdout)


def find_node() -> Node:
    """Node.js; the test skips where there is none."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    return Node()
