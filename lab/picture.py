"""Pictures of a run, for a README or a slide: its table as SVG, its report as PNG."""

import io
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from lab.model import Run
from lab.table import headline, installation_line, session_table

_WIDTH = 92
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WINDOW = (1280, 1860)
_SCALE = 0.8  # a README shows it smaller still
_WITHIN_S = 60
_THEME = TerminalTheme(
    (21, 27, 33),
    (233, 238, 243),
    [
        (21, 27, 33),
        (238, 93, 93),
        (47, 184, 133),
        (219, 164, 59),
        (121, 168, 255),
        (192, 155, 255),
        (86, 182, 194),
        (233, 238, 243),
    ],
    [
        (120, 132, 144),
        (255, 133, 133),
        (82, 207, 159),
        (234, 185, 90),
        (121, 168, 255),
        (192, 155, 255),
        (120, 210, 220),
        (255, 255, 255),
    ],
)


def table_svg(run: Run) -> str:
    """Return the table of the run's installing session as SVG; an empty terminal when it has no session."""
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    session = run.installing
    if session is not None:
        console.print(headline(session))
        console.print()
        console.print(session_table(session, width=_WIDTH))
        line = installation_line(session)
        if line is not None:
            console.print(line)
    text = console.export_svg(title="pnclab table", theme=_THEME, unique_id="table")
    # rich asks a server for its font; a picture in a README loads nothing.
    return re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


class PictureError(Exception):
    """No picture could be made; the message says why."""


def find_browser() -> str | None:
    """Return the path of a Chromium or Chrome, None where there is none."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def report_png(page: Path, target: Path) -> None:
    """Write the first screen of a report as PNG; raises PictureError."""
    browser = find_browser()
    if browser is None:
        raise PictureError(f"a picture needs one of {', '.join(_BROWSERS)} on PATH")
    with tempfile.TemporaryDirectory(prefix="pnclab-browser-") as profile:
        command = [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(
                f"--user-data-dir={profile}",
                f"--window-size={_WINDOW[0]},{_WINDOW[1]}",
                f"--force-device-scale-factor={_SCALE}",
            ),
            *(f"--screenshot={target.resolve()}", page.resolve().as_uri()),
        ]
        try:
            done = subprocess.run(  # noqa: S603  our own file, a browser from PATH
                command, capture_output=True, text=True, timeout=_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PictureError(f"{browser} took more than {_WITHIN_S} s") from None
    if done.returncode != 0 or not target.exists():
        raise PictureError(f"{browser} failed: {done.stderr.strip()[-300:]}")
