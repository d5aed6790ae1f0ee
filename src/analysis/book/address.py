"""Where a server lies, read from its address without ever showing a password."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from analysis.errors import Misuse

_HOW = (
    "write it as {scheme}://user@host/database, with the password in PGPASSWORD or ~/.pgpass, or with its special "
    "characters percent-encoded"
)


@dataclass(frozen=True, kw_only=True)
class Address:
    """A server, and what to open there; what is not given is left to the server's client.

    Attributes:
        scheme: kind of server.
        host: its name; None if not given.
        port: None if not given.
        user: None if not given.
        password: None if not given; not shown when the address is printed.
        path: parts between slashes after the host.
        options: what follows a question mark, for the client.
    """

    scheme: str
    host: str | None
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    path: tuple[str, ...]
    options: dict[str, str] = field(repr=False)

    def __str__(self) -> str:
        """The address without user, password and options."""
        host = (self.host or "") + (f":{self.port}" if self.port else "")
        return f"{self.scheme}://{'/'.join((host, *self.path))}"


def server_address(text: str) -> Address:
    """Read an address such as "postgresql://user@host:5432/database".

    Raises:
        Misuse: if it is not of that form; nothing of it but the scheme is shown, because a password with
            an unescaped character may stand anywhere in it.
    """
    scheme = text.partition(":")[0].lower()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _misread(scheme) from None
    if not text.lower().startswith(f"{scheme}://") or "@" in parts.path or parts.fragment:
        raise _misread(scheme)
    return Address(
        scheme=scheme,
        host=parts.hostname,
        port=port,
        user=_plain(parts.username),
        password=_plain(parts.password),
        path=tuple(unquote(part) for part in parts.path.split("/") if part),
        options=dict(parse_qsl(parts.query)),
    )


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _misread(scheme: str) -> Misuse:
    return Misuse(f"the address of the engine cannot be read; {_HOW.format(scheme=scheme)}.")
