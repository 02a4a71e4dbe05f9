"""All that knows of hair and eyes: their conditions, how they are measured and read, the choice of the best."""
