"""Training: the loop, its objectives and schedules, and the files of a run."""
