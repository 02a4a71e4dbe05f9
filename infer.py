"""Draw images from text with a released generator: ``python infer.py --text "pink hair green eyes"``."""

from __future__ import annotations

if __name__ == "__main__":  # before all that takes its time to import
    from encoder.common.start import start

    start()

import sys

from gan.draw import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    sys.exit(main())
