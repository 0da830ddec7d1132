"""A mail server on a loopback port that keeps what it is given; as much of RFC 5321 as a client needs."""

import socketserver
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.fakes.servers import up


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._say("354 go on")
                self.server.letters.append(self._letter())  # type: ignore[attr-defined]
            self._say("221 bye" if word == b"QUIT" else "250 fine")

    def _letter(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        found = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Runs while `mail_server` does; `letters` are in the order of their coming."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[EmailMessage] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


def mail_server() -> AbstractContextManager[MailServer]:
    """A server that is up as long as the block lasts."""
    return up(MailServer())
