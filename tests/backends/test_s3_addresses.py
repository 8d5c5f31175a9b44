"""Which addresses are connected to, whose credentials are used, and that TLS is meant seriously."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.faults import FaultProxy, Listener
from tests.support.s3 import Bucket, S3Server
from webapp.backends.s3_fields import MIB, Limits
from webapp.contracts.errors import ConfigurationError, StorageBackendError

KEY = "0123456789abcdef0123456789abcdef"
STREAMED = Limits(single=5 * MIB, parts=((2, 5 * MIB, 2),), most_parts=4)
QUICK = Limits(connect_seconds=1, read_seconds=2, brief_seconds=1, attempts=2)


def cause_of(action: object) -> str | None:
    with pytest.raises(StorageBackendError) as caught:
        action()  # type: ignore[operator]
    return caught.value.data.get("cause")  # type: ignore[return-value]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0", "2130706433"])
def test_no_connection_to_private_addresses(bucket: Bucket, scheme: str, host: str) -> None:
    with Listener() as listener:
        endpoint = f"{scheme}://{host}:{listener.port}"
        backend = bucket.backend(QUICK, s3_endpoint_url=endpoint, allow_private_addresses=False)
        assert cause_of(lambda: backend.exists(KEY)) == "address"
        assert cause_of(lambda: backend.put(KEY, [b"x"], content_type="text/plain")) == "address"
        assert cause_of(lambda: backend.put(KEY, [bytes(20 * MIB)], content_type="text/plain")) == "address"
        assert cause_of(lambda: next(backend.list_keys())) == "address"
        assert (listener.connections, listener.received) == (0, b"")


@pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0:80"])
def test_some_addresses_are_never_connected_to(bucket: Bucket, endpoint: str) -> None:
    backend = bucket.backend(QUICK, s3_endpoint_url=endpoint, allow_private_addresses=True)
    assert cause_of(lambda: backend.exists(KEY)) == "address"


def test_it_is_the_address_that_counts_after_the_connection_too(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names can lead elsewhere a moment later: whoever really answers is asked for once more, before a byte is sent."""
    from webapp.backends import s3_client  # noqa: PLC0415

    with Listener() as listener:
        real = s3_client.create_connection

        def elsewhere(address: tuple[str, int], *rest: object, **more: object) -> object:
            return real(("127.0.0.1", listener.port), *rest, **more)

        monkeypatch.setattr(s3_client, "create_connection", elsewhere)
        endpoint = "https://192.0.1.7"  # a public address
        backend = bucket.backend(QUICK, s3_endpoint_url=endpoint, allow_private_addresses=False)
        assert cause_of(lambda: backend.exists(KEY)) == "address"
        assert listener.received == b""


def test_redirects_are_not_followed(bucket: Bucket, s3_server: S3Server) -> None:
    with Listener() as listener, FaultProxy(s3_server.port) as proxy:
        proxy.fail(
            "answer", status=307, code="TemporaryRedirect", location=f"http://127.0.0.1:{listener.port}/", times=9
        )
        backend = bucket.backend(QUICK, s3_endpoint_url=proxy.url)
        assert cause_of(lambda: next(backend.get(KEY))) == "region"
        assert listener.connections == 0


def test_the_environment_names_neither_proxy_nor_endpoint_nor_key(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener() as listener:
        elsewhere = f"http://127.0.0.1:{listener.port}"
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, elsewhere)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
        assert bucket.backend().exists(KEY) is False
        assert listener.connections == 0


def test_no_credentials_at_amazon_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    nobody = {"s3_access_key_id": None, "s3_secret_access_key": None, "s3_endpoint_url": None}
    with pytest.raises(ConfigurationError) as caught:
        bucket.backend(QUICK, **nobody).exists(KEY)
    assert caught.value.data == {"cause": "credentials"}


def test_the_credentials_of_the_environment_at_amazon(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")  # the settings say Amazon
    nobody = {"s3_access_key_id": None, "s3_secret_access_key": None, "s3_endpoint_url": None}
    url = bucket.backend(**nobody).presigned_get_url(KEY, filename="a", content_type="text/plain")
    assert "AKIAFROMENVIRONMENT" in url
    assert url.startswith(f"https://{bucket.name}.s3.amazonaws.com/")


# --- TLS -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for ``localhost`` that nobody else vouches for."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture
def tls(s3_server: S3Server, authority: Path) -> Iterator[FaultProxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    with FaultProxy(s3_server.port, context) as proxy:
        yield proxy


@pytest.mark.parametrize("size", [0, 5, 20 * MIB])
def test_over_tls_the_bytes_are_the_same(
    bucket: Bucket, tls: FaultProxy, authority: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Where newer checksums would be sent as trailers, and end up in the content."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "cert.pem"))
    backend, data = bucket.backend(s3_endpoint_url=tls.url), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    backend.put(KEY, [data], content_type="text/plain", size=size)
    assert bucket.read(KEY) == data
    assert b"".join(backend.get(KEY)) == data
    tls.fail("cut_response", method="GET", after=size // 2)
    assert b"".join(backend.get(KEY)) == data


def test_streamed_parts_over_tls(
    bucket: Bucket, tls: FaultProxy, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "cert.pem"))
    data = bytes(range(256)) * (16 * 4096)
    bucket.backend(STREAMED, s3_endpoint_url=tls.url).put(KEY, [data], content_type="text/plain", size=len(data))
    assert bucket.read(KEY) == data


@pytest.mark.parametrize(
    ("limits", "size", "target"),
    [(Limits(), 5 * MIB, ""), (Limits(), 20 * MIB, "partNumber=2"), (STREAMED, 16 * MIB, "partNumber=2")],
)
@pytest.mark.parametrize("secure", [True, False])
def test_bytes_that_change_on_the_way_are_refused(
    bucket: Bucket,
    tls: FaultProxy,
    s3_server: S3Server,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    size: int,
    target: str,
    *,
    secure: bool,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "cert.pem"))
    with FaultProxy(s3_server.port) as plain:
        proxy = tls if secure else plain
        proxy.fail("corrupt", method="PUT", target=target, after=3_000_000)
        backend = bucket.backend(limits, s3_endpoint_url=proxy.url)
        assert cause_of(lambda: backend.put(KEY, [bytes(size)], content_type="text/plain", size=size)) == "corrupted"
    assert (bucket.keys(), bucket.uploads()) == ([], [])


def test_a_certificate_that_nobody_vouches_for(bucket: Bucket, tls: FaultProxy) -> None:
    backend = bucket.backend(QUICK, s3_endpoint_url=tls.url)
    assert cause_of(lambda: backend.put(KEY, [b"x"], content_type="text/plain")) == "tls"
    assert tls.seen == []


def test_a_certificate_for_another_name(
    bucket: Bucket, tls: FaultProxy, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "cert.pem"))
    backend = bucket.backend(QUICK, s3_endpoint_url=f"https://127.0.0.1:{tls.port}")
    assert cause_of(lambda: backend.exists(KEY)) == "tls"
    assert tls.seen == []


def test_a_store_without_tls(bucket: Bucket) -> None:
    backend = bucket.backend(QUICK, s3_endpoint_url=bucket.url.replace("http://", "https://"))
    assert cause_of(lambda: backend.exists(KEY)) in ("tls", "unreachable")
