"""A mail server on a loopback port that stores the messages it receives; the part of RFC 5321 that a client needs."""

import socketserver
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.fakes.servers import up


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._reply("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._reply("354 go on")
                self.server.messages.append(self._message())  # type: ignore[attr-defined]
            self._reply("221 bye" if word == b"QUIT" else "250 fine")

    def _message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def _reply(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """The server; `messages` contains the received messages in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.messages: list[EmailMessage] = []

    @property
    def port(self) -> int:
        """Return the port on which it listens."""
        return int(self.server_address[1])


def mail_server() -> AbstractContextManager[MailServer]:
    """Provide a server for the duration of the block."""
    return up(MailServer())
