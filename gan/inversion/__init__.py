"""A picture as the prompt: what a generator would have to be given to draw it, and how to change that by a text."""
