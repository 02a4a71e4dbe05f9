"""A page's folder, served on this machine alone."""

from __future__ import annotations

import functools
import sys
import webbrowser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from encoder.common.errors import InputError

LOOPBACK = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    # What some systems say of these files is another type, which browsers refuse to run.
    extensions_map = {  # noqa: RUF012  (as in the library)
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".gz": "application/gzip",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was written anew is seen anew
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")  # the three let the page use several threads
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal shows the address alone."""


def server_of(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder, not yet running; ``InputError`` where the port is taken."""
    try:
        return ThreadingHTTPServer((LOOPBACK, port), functools.partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise InputError(f"--port {port}: cannot be used ({error.strerror}); choose another one, or 0") from error


def serve(folder: Path, port: int) -> None:
    """Serve a folder until Ctrl-C, and open it in the browser where there is a terminal."""
    with server_of(folder, port) as server:
        url = f"http://{LOOPBACK}:{server.server_address[1]}/"
        print(f"{url} (Ctrl-C ends it)", flush=True)
        if sys.stdout.isatty():
            webbrowser.open(url)
        server.serve_forever()
