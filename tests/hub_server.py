"""A server on the loopback address that speaks the few endpoints of the Hugging Face Hub that a model's files need."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOKEN = "hf_of_these_tests"


class Hub(ThreadingHTTPServer):
    """What was created and committed: ``repos[name]`` are the revisions of a model, each its files by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, list[dict[str, bytes]]] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub with nothing on it, within the context."""
    hub = Hub()
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


def commit_of(repo: str, revision: int) -> str:
    return hashlib.sha1(f"{repo} {revision}".encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and the files of a revision; an error is answered where there are none."""
        commits = self.server.repos.get(repo)
        if not commits:
            self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            return None
        known = {commit_of(repo, i): i for i in range(len(commits))} | {"main": len(commits) - 1, "v1": 0}
        if revision not in known:
            self.answer({"error": "Revision not found"}, 404, X_Error_Code="RevisionNotFound")
            return None
        return commit_of(repo, known[revision]), commits[known[revision]]

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            found = self.files(match[1], match[2] or "main")
            if found:
                commit, files = found
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                self.answer({"id": match[1], "sha": commit, "siblings": siblings, "private": False, "tags": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)(?:/.*)?", path):
            found = self.files(match[1], match[2])
            if found:
                self.answer([
                    {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                    for name, data in found[1].items()
                ])  # fmt: skip
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            found = self.files(match[1], match[2])
            if found:
                commit, files = found
                data = files.get(match[3])
                if data is None:
                    self.answer({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
                else:
                    self.answer(data, X_Repo_Commit=commit, ETag=f'"{hashlib.sha1(data).hexdigest()}"')
        elif path == "/api/whoami-v2":
            self.answer({"name": "tester", "type": "user", "auth": {}})
        else:
            self.answer({"error": "not spoken here"}, 404)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
            return
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization', 'tester')}/{asked['name']}"
            status = 409 if repo in self.server.repos else 200
            self.server.repos.setdefault(repo, [])
            self.answer({"url": f"{self.server.address}/{repo}", "id": repo, "name": repo}, status)
        elif self.path.partition("?")[0] == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path.partition("?")[0]):
            names = [each["path"] for each in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False, "oid": None} for name in names]
            self.answer({"files": modes})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path.partition("?")[0]):
            lines = [json.loads(line) for line in body.splitlines()]
            files = dict((self.server.repos[match[1]] or [{}])[-1])
            files |= {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            self.server.repos[match[1]].append(files)
            commit = commit_of(match[1], len(self.server.repos[match[1]]) - 1)
            url = f"{self.server.address}/{match[1]}/commit/{commit}"
            self.answer({"success": True, "commitOid": commit, "commitUrl": url})
        else:
            self.answer({"error": "not spoken here"}, 404)
