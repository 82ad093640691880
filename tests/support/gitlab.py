"""A server that stands in for GitLab's notes of merge requests, as their API is documented.

https://docs.gitlab.com/api/notes/#merge-requests and https://docs.gitlab.com/api/rest/#pagination
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

__all__ = ["Notes", "gitlab"]

_MOST = 100
"""Notes on a page: GitLab gives no more, whatever is asked for."""


class Notes(ThreadingHTTPServer):
    """The notes of one merge request, the oldest first, and what was asked."""

    def __init__(self, path: str, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path, self.token = path, token
        self.bodies: list[str] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What GitLab sets as CI_API_V4_URL."""
        return f"http://127.0.0.1:{self.server_port}/api/v4"


@contextmanager
def gitlab(path: str, token: str) -> Iterator[Notes]:
    """The server, which knows the notes at `path` and lets in whoever has the token."""
    with Notes(path, token) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _RefusedError(Exception):
    """The answer has been given."""


class _Handler(BaseHTTPRequestHandler):
    server: Notes

    def handle_one_request(self) -> None:
        with suppress(_RefusedError):
            super().handle_one_request()

    def do_GET(self) -> None:
        found, query = self._note()
        if found is not None:
            self._say(200, self._shown(found))
            return
        size = min(int(query.get("per_page", ["20"])[0]), _MOST)
        page = int(query.get("page", ["1"])[0])
        numbers = list(range(len(self.server.bodies)))
        if query.get("sort") != ["asc"]:
            numbers.reverse()
        last = page * size >= len(numbers)
        chosen = numbers[(page - 1) * size : page * size]
        self._say(200, list(map(self._shown, chosen)), "" if last else str(page + 1))

    def do_POST(self) -> None:
        found, _ = self._note()
        if found is None and (body := self._body()):
            self.server.bodies.append(body)
            self._say(201, self._shown(len(self.server.bodies) - 1))

    def do_PUT(self) -> None:
        found, _ = self._note()
        if found is not None and (body := self._body()):
            self.server.bodies[found] = body
            self._say(200, self._shown(found))

    def _note(self) -> tuple[int | None, dict[str, list[str]]]:
        """Which note is meant, `None`: all of them; what is refused goes no further."""
        self.server.asked.append(self.command)
        if self.headers["PRIVATE-TOKEN"] != self.server.token:
            self._refuse(401)
        url = urlsplit(self.path)
        rest = url.path.removeprefix("/api/v4").removeprefix(self.server.path)
        if rest == url.path.removeprefix("/api/v4"):
            self._refuse(404)
        if not rest:
            return None, parse_qs(url.query)
        number = int(rest.removeprefix("/")) - 1000
        if number not in range(len(self.server.bodies)):
            self._refuse(404)
        return number, {}

    def _body(self) -> str:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Content-Type"] != "application/json" or not said.get("body"):
            self._refuse(400)
        return str(said["body"])

    def _shown(self, number: int) -> dict[str, Any]:
        body = self.server.bodies[number]
        return {"id": 1000 + number, "body": body, "system": False, "noteable_type": "MergeRequest"}

    def _say(self, status: int, document: object, following: str = "") -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Next-Page", following)
        self.end_headers()
        self.wfile.write(text)

    def _refuse(self, status: int) -> NoReturn:
        self._say(status, {"message": f"{status} refused"})
        raise _RefusedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """What was asked is kept, not printed."""
