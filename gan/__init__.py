"""Images: networks, objectives, the training loop and the pipeline that draws faces."""
