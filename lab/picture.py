"""The table of a run as an SVG picture, for the README."""

import io
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from lab.model import Run
from lab.table import headline, installation_line, session_table

_WIDTH = 92
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
