"""Helpers of the whole project: errors, files, threads, arithmetic. Nothing here knows of texts or images."""
