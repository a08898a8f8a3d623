"""The HTML report of a run: one file that loads nothing, made from the trace alone."""

from lab.report.render import render, write_report

__all__ = ["render", "write_report"]
