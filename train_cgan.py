"""Train a text-to-image GAN: ``python train_cgan.py --encoder cached --data images.zip``."""

from __future__ import annotations

if __name__ == "__main__":  # before all that takes its time to import
    from encoder.common.start import start

    start()

from encoder.common.command import end_process
from gan.train import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    end_process(main())
