"""Text: the bundled sentence-transformer, captions, the embedding cache and the conditioning head."""
