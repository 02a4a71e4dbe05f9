"""Texts that describe a face: the vocabulary of hair, eyes and length, and the encoders that read it."""
