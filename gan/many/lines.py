"""Texts to draw, line after line, however many: the names under which drawing knows ``encoder.files.read_texts``."""

from encoder.files import STDIN, Format
from encoder.files import RejectedLine as Bad
from encoder.files import TextLine as Line
from encoder.files import read_texts as read_lines

__all__ = ["STDIN", "Bad", "Format", "Line", "read_lines"]
