"""Prose and pages as templates: files beside the module that fills them in."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any


def render(template: Path, **values: Any) -> str:
    """Fill in a jinja2 template, which may include others of its folder; HTML and SVG are escaped.

    A name that has no value is an error.
    """
    environment = _environment(template.parent, template.suffix in (".html", ".svg"))
    text: str = environment.get_template(template.name).render(values)
    return text


@functools.cache  # it keeps its templates, which take long to compile
def _environment(folder: Path, escapes: bool) -> Any:
    import jinja2  # takes time, and only reports need it

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=escapes,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
