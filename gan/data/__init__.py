"""Captioned images: read from whatever people have, decoded once, and split."""
