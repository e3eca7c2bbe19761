"""Certificates for servers on this machine, by an authority that nobody trusts unless told to."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority, and its own certificate as a file."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file: Path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server of *names* needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context
