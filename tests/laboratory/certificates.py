"""One certificate authority per control plane, made with openssl; elliptic keys, because they take milliseconds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.laboratory.places import LaboratoryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIFE_DAYS = 30
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: str) -> None:
    """Runs openssl; LaboratoryError with what it said when it fails."""
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise LaboratoryError(f"openssl {arguments[0]}: {done.stderr.strip()[-300:]}")


class Authority:
    """Signs for one control plane; its files stay in `folder` so that a restart finds them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self.key = folder / "ca.crt", folder / "ca.key"
        if not self.certificate.exists():
            out = ("-keyout", str(self.key), "-out", str(self.certificate))
            openssl("req", "-x509", *NEW_KEY, "-days", str(LIFE_DAYS), "-subj", "/CN=laboratory", *out)

    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.read_bytes()

    def server(self, name: str, addresses: Sequence[str]) -> tuple[Path, Path]:
        """Certificate and key of a server at these IP addresses (and localhost)."""
        names = ",".join(["DNS:localhost", *(f"IP:{address}" for address in addresses)])
        return self._sign(name, f"/CN={name}", f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")

    def client(self, user: str, groups: Sequence[str] = ()) -> tuple[Path, Path]:
        """Certificate and key of a user (common name) in groups (organisations), as Kubernetes reads them."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        return self._sign(user.replace(":", "-").replace("/", "-"), subject, "extendedKeyUsage=clientAuth\n")

    def signing_pair(self) -> tuple[Path, Path]:
        """Private and public key that sign service account tokens."""
        private, public = self.folder / "sa.key", self.folder / "sa.pub"
        if not public.exists():
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private))
            openssl("ec", "-in", str(private), "-pubout", "-out", str(public))
        return private, public

    def _sign(self, name: str, subject: str, extensions: str) -> tuple[Path, Path]:
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        if not certificate.exists():
            more = self.folder / f"{name}.ext"
            more.write_text(extensions)
            openssl("req", *NEW_KEY, "-subj", subject, "-keyout", str(key), "-out", str(request))
            by = ("-CA", str(self.certificate), "-CAkey", str(self.key), "-CAcreateserial", "-extfile", str(more))
            openssl("x509", "-req", "-days", str(LIFE_DAYS), "-in", str(request), *by, "-out", str(certificate))
        return certificate, key
