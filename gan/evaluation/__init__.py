"""Judging: what generated images get beside real ones."""
