"""The report's page: template, style and script put together into one file.

What stands in a trace is foreign text: the template escapes it, the message data are embedded as JSON that
cannot end its script element, the script writes text nodes only, and the page's content security policy
lets no other script run.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.model import Run
from lab.report import page
from lab.runs import load


def write_report(directory: Path) -> Path:
    """Write ``report.html`` into a run's folder from its ``trace.jsonl`` and return its path.

    Raises TraceFileError when the trace cannot be read, OSError when the report cannot be written.
    """
    target = directory / "report.html"
    target.write_text(render(load(directory), directory.resolve().name), encoding="utf-8")
    return target


def render(run: Run, name: str) -> str:
    """Return the HTML of a run's report."""
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    view = page.build(run, name)
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=view,
            lanes=page.LANES,
            actor=page.ACTOR,
            css=Markup(_source("page.css")),  # noqa: S704  our own file
            script=Markup(script),  # noqa: S704  our own file
            script_hash=f"'sha256-{digest}'",
            messages=embedded({"messages": view.messages, "payloads": view.payloads}),
        )
    )


def embedded(data: Any) -> Markup:
    """Return data as JSON that is safe inside a script element: no ``<``, ``>``, ``&`` or line separators."""
    text = msgspec.json.encode(data).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  nothing in it can end the script element any more


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lab.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    return environment


def clock(seconds: float) -> str:
    """Return a time since the session's start as milliseconds."""
    value = seconds * 1000
    return f"{value:,.1f}" if value < 10_000 else f"{value:,.0f}"


def _source(name: str) -> str:
    return (files("lab.report") / name).read_text(encoding="utf-8")
