"""nginx in front of servers of ours, with the configuration that docs/operations.md prints."""

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.client import Client
from tests.support.markdown import block
from tests.support.missing import missing
from tests.support.raw import Wire
from tests.support.server import eventually, free_port

PREFIX = "/stowage-files/"
PRINTED_ROOT = "/var/lib/stowage/uploads/"
START_SECONDS = 10

_AROUND = """\
{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    # As Debian has it.
    gzip on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{printed}
}}
"""


def printed() -> str:
    """The configuration as people copy it."""
    return block("operations.md", "nginx")


class Nginx:
    """Start it in front of some ports, speak to it, stop it."""

    def __init__(self, folder: Path, ports: Sequence[int], root: Path | None = None) -> None:
        """``root`` is where the files are; without it, nginx sends none by itself."""
        self._folder = folder
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._ports = ports
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    @property
    def certificate(self) -> Path:
        return self._folder / "certificate.pem"

    def start(self) -> "Nginx":
        program = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
        if program is None:
            missing("There is no nginx here. On Debian: apt-get install nginx")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._certify()
        config = self._folder / "nginx.conf"
        config.write_text(self._config())
        command = [program, "-e", "stderr", "-p", str(self._folder), "-c", str(config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert eventually(self._answers, START_SECONDS), f"nginx does not start:\n{self.log()[-3000:]}"
        return self

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def client(self, of: Client) -> Client:
        """The same caller, by way of nginx."""
        made = Client(self.url, of.token)
        made.session.verify = str(self.certificate)
        self._clients.append(made)
        return made

    def wire(self) -> Wire:
        return Wire(self.url, trust=self.certificate)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self._folder / "nginx.log"

    def _config(self) -> str:
        text = printed()
        servers = "\n".join(f"    server 127.0.0.1:{port} fail_timeout=2s;" for port in self._ports)
        changes = {
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "/etc/ssl/files.example.org.pem": str(self.certificate),
            "/etc/ssl/files.example.org.key": str(self._folder / "key.pem"),
            "    server 127.0.0.1:8000 fail_timeout=2s;": servers,
            PRINTED_ROOT: f"{self._root or '/nonexistent'}/",
        }
        for old, new in changes.items():
            assert text.count(old) == 1, f"docs/operations.md has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        # Under root, its workers would be somebody who may not read what root stores.
        user = "user root;" if os.getuid() == 0 else ""
        return _AROUND.format(user=user, folder=self._folder, printed=text)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nginx went away:\n{self.log()[-3000:]}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except OSError:
            return False
        return True

    def _certify(self) -> None:
        """A key, and a certificate that says it belongs to this address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.example.org")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._folder / "key.pem").write_bytes(private)
