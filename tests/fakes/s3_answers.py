"""A service that gives one answer of S3's protocol, such as an error that a real server cannot be made to give."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.servers import up


@contextmanager
def answering(status: int, code: str, delay_s: float = 0) -> Iterator[tuple[str, list[str]]]:
    """Run a service that gives the same answer to every request; yield its URL and the paths of the requests.

    Args:
        status: HTTP status of the answer.
        code: S3's error code in the answer's body; the answer to a HEAD request has no body.
        delay_s: seconds until the answer.
    """
    seen: list[str] = []
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append(self.path)
            gone.wait(delay_s)
            body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>as documented</Message></Error>'.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = answer  # noqa: N815, http.server's names

        def log_message(self, *args: object) -> None:
            pass

    with up(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        gone.set()
