"""The command ``exi check-schema``: proves the installed message classes equal to official XSD files."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exi.command import OK, REFUSED, USAGE, add_command, note, printable
from exi.registry import message_sets
from exi.schema import MessageSet
from exi.xsd import Comparison, Folder, Place, XsdError, compare

if TYPE_CHECKING:
    from exi.command import Commands


class SetResult(msgspec.Struct):
    """What is known of one message set: compared, unreadable (``error``), or skipped (neither)."""

    schema: MessageSet
    comparison: Comparison | None = None
    error: XsdError | None = None

    @property
    def status(self) -> str:
        """One word for it."""
        if self.error is not None:
            return "unreadable"
        if self.comparison is None:
            return "skipped"
        return "different" if self.comparison.differences else "equal"


class Report(msgspec.Struct):
    """What a check found; ``errors`` are those of files, of whatever set."""

    directory: Path
    results: list[SetResult]
    errors: list[XsdError]

    @property
    def exit_code(self) -> int:
        """The exit code of the command: a check that found nothing to check, or not all of it, is no success."""
        statuses = {result.status for result in self.results}
        if self.errors or not statuses & {"equal", "different"}:
            return USAGE
        return REFUSED if "different" in statuses else OK


def check(directory: Path, schemas: Mapping[str, MessageSet]) -> Report:
    """Compare each message set with the XSD files below a directory; a set without any is skipped."""
    try:
        folder = Folder(directory)
    except XsdError as error:
        return Report(directory, [], [error])
    results: list[SetResult] = []
    for schema in schemas.values():
        if schema.namespace not in folder:
            results.append(SetResult(schema))
            continue
        try:
            results.append(SetResult(schema, compare(schema, folder)))
        except XsdError as error:
            results.append(SetResult(schema, error=error))
    errors = [*folder.errors, *(result.error for result in results if result.error is not None)]
    # Sets share files: one bad line makes all of them unreadable, and is told once.
    return Report(directory, results, list({str(error): error for error in errors}.values()))


def add_parser(commands: "Commands") -> None:
    """Add the command to those of ``exi``."""
    command = add_command(
        commands,
        "check-schema",
        "prove the message classes equal to official XSD files",
        "exi check-schema ~/schemas/iso15118",
    )
    command.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="folder of XSD files; they are found by target namespace, wherever they lie below it",
    )
    command.add_argument("--json", action="store_true", help="write the result as one JSON object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    report = check(options.directory, message_sets())
    if options.json:
        print(json.dumps(to_json(report), indent=2))
    else:
        print_report(report)
    return report.exit_code


def print_report(report: Report) -> None:
    """Print differences and a line for each set; errors go to standard error."""
    for result in report.results:
        if result.comparison is not None:
            for difference in result.comparison.differences:
                print(printable(f"{result.schema.name}: {difference}"))
        print(printable(f"{result.schema.name}: {_summary(result)}"))
    for error in report.errors:
        note(str(error))
    if not report.errors and report.exit_code == USAGE:
        note(f"no XSD file of an installed message set lies below {report.directory}")


def _summary(result: SetResult) -> str:
    if result.error is not None:
        return f"unreadable: {result.error}"
    if result.comparison is None:
        return f"skipped: no XSD file declares {result.schema.namespace}"
    counts = result.comparison.counts
    found = len(result.comparison.differences)
    verdict = "equal" if not found else f"{found} difference{'s' * (found > 1)}"
    return (
        f"{verdict}: {counts.types} types, {counts.elements} elements, {counts.attributes} attributes, "
        f"{counts.facets} facets, {counts.productions} productions, {counts.document_codes} document codes, "
        f"{counts.fragment_codes} fragment codes compared, {counts.files} file{'s' * (counts.files > 1)}"
    )


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as plain data."""
    return {
        "directory": str(report.directory),
        "equal": report.exit_code == OK,
        "exit_code": report.exit_code,
        "sets": [_set_to_json(result) for result in report.results],
        "errors": [{**_place_to_json(error.place), "reason": error.reason} for error in report.errors],
    }


def _set_to_json(result: SetResult) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": result.schema.name,
        "namespace": result.schema.namespace,
        "status": result.status,
    }
    if result.comparison is not None:
        comparison = result.comparison
        record["files"] = [str(path) for path in comparison.files]
        record["compared"] = msgspec.structs.asdict(comparison.counts)
        record["differences"] = [
            {
                "where": difference.where,
                "what": difference.what,
                "ours": difference.ours,
                "xsd": difference.theirs,
                **_place_to_json(difference.place),
            }
            for difference in comparison.differences
        ]
    return record


def _place_to_json(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"file": None, "line": None}
    return {"file": str(place.path), "line": place.line or None}
