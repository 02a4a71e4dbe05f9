"""Images: networks, objectives, the training loop and the pipeline that draws faces."""

__version__ = "0.1.0"
