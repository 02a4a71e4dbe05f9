"""Prose and pages as templates: files beside the module that fills them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def render(template: Path, **values: Any) -> str:
    """Fill in a jinja2 template, which may include others of its folder; HTML and SVG are escaped.

    A name that has no value is an error.
    """
    import jinja2  # takes time, and only reports need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=template.suffix in (".html", ".svg"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
