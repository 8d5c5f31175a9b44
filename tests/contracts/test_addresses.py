"""Which addresses may be connected to: a corpus, and whatever wraps a refused one."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.contracts.addresses import Address, refusal

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 172.15.255.255
    172.32.0.1 192.167.255.255 192.169.0.0 169.253.255.255 169.255.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:830::200e 2400:cb00::1
    ::ffff:8.8.8.8 ::ffff:808:808 64:ff9b::8.8.8.8 2002:808:808::1
"""

PRIVATE = """
    127.0.0.1 127.0.0.2 127.255.255.254 127.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1
    192.168.255.255 100.64.0.1 100.127.255.255
    ::1 fc00::1 fd12:3456:789a::1 fdff:ffff::1 fec0::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1
    ::127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::192.168.0.1 64:ff9b:1::10.0.0.1 64:ff9b:1::8.8.8.8
    2002:7f00:1::1 2002:a00:1::
    0:0:0:0:0:ffff:a00:1 ::FFFF:192.168.1.1 ::ffff:0:127.0.0.1
"""

NEVER = """
    0.0.0.0 0.1.2.3 169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255 100.100.100.200 168.63.129.16 192.0.0.192
    192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 198.51.100.1 203.0.113.255 198.18.0.1 198.19.255.255 192.88.99.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255
    :: ::2 fe80::1 fe80::1%eth0 fe80::1%25eth0 febf::1 ff02::1 ff05::2 fd00:ec2::254 fd20:ce::254
    2001:db8::1 3fff::1 3fff:fff:ffff::1 100::1 100:0:0:1::1 2001:2::1 2001:10::1 2001::1 5f00::1 4000::1 8000::1
    64:ff9b:2::1 1::1 e000::1
    ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:0.0.0.0 ::ffff:255.255.255.255 ::ffff:224.0.0.1
    ::ffff:100.100.100.200 64:ff9b:1:808:8:800::
    ::169.254.169.254 ::a9fe:a9fe ::ffff:0:169.254.169.254 64:ff9b::169.254.169.254 64:ff9b::a9fe:a9fe
    64:ff9b:1::169.254.169.254 2002:a9fe:a9fe:: 2002:a9fe:a9fe::1 2001:0:808:808:0:0:5601:5601
    2001:0:a9fe:a9fe:0:0:f7f7:f7f7
"""


@pytest.mark.parametrize("text", str.split(PUBLIC))
def test_public_addresses_are_open(text: str) -> None:
    assert refusal(text, allow_private=False) is None
    assert refusal(text, allow_private=True) is None


@pytest.mark.parametrize("text", str.split(PRIVATE))
def test_private_addresses_are_for_those_who_said_so_at_the_start(text: str) -> None:
    assert refusal(text, allow_private=False) == "private"
    assert refusal(text, allow_private=True) is None


@pytest.mark.parametrize("text", str.split(NEVER))
def test_some_addresses_are_for_nobody(text: str) -> None:
    assert refusal(text, allow_private=False) == "never"
    assert refusal(text, allow_private=True) == "never"


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "::1::", "[::1]", "256.1.1.1"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        refusal(text, allow_private=True)


# --- IPv6 around IPv4 --------------------------------------------------------------

REFUSED_NETWORKS = [
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("168.63.129.16/32", "100.100.100.200/32", "169.254.169.254/32"),
    )
]


def _within(network: IPv4Network) -> st.SearchStrategy[IPv4Address]:
    return st.integers(int(network[0]), int(network[-1])).map(IPv4Address)


refused = st.sampled_from(REFUSED_NETWORKS).flatmap(_within)
any_ipv4 = st.ip_addresses(v=4)


def wrappings(address: IPv4Address, other: int) -> dict[str, IPv6Address]:
    number = int(address)
    return {
        "mapped": IPv6Address(0xFFFF << 32 | number),
        "compatible": IPv6Address(number),
        "translated": IPv6Address(0xFFFF << 48 | number),
        "nat64": IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        "own nat64": IPv6Address(int(IPv6Address("64:ff9b:1::")) | (other & 0xFFFFFFFF) << 48 | number),
        "6to4": IPv6Address(0x2002 << 112 | number << 80 | other),
        "teredo client": IPv6Address(0x20010000 << 96 | other << 32 | (number ^ 0xFFFFFFFF)),
        "teredo server": IPv6Address(0x20010000 << 96 | number << 64 | other & (1 << 64) - 1),
    }


@given(refused, st.integers(0, 2**64 - 1), st.booleans())
def test_whatever_wraps_a_refused_address_is_refused(address: IPv4Address, other: int, allow_private: bool) -> None:
    inside = refusal(address, allow_private=allow_private)
    for kind, wrapped in wrappings(address, other).items():
        found = refusal(wrapped, allow_private=allow_private)
        if kind == "compatible" and int(address) <= 1:
            continue  # :: and ::1 are addresses of their own
        assert found is not None or inside is None, (kind, wrapped)
        if inside == "never":
            assert found == "never", (kind, wrapped)


@given(any_ipv4, st.booleans())
def test_a_mapped_address_is_what_it_maps(address: IPv4Address, allow_private: bool) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert refusal(mapped, allow_private=allow_private) == refusal(address, allow_private=allow_private)


@given(st.ip_addresses())
def test_text_and_object_are_one(address: Address) -> None:
    for allow_private in (True, False):
        assert refusal(str(address), allow_private=allow_private) == refusal(address, allow_private=allow_private)


@given(st.ip_addresses())
def test_allowing_private_ones_only_opens_private_ones(address: Address) -> None:
    strict, lenient = refusal(address, allow_private=False), refusal(address, allow_private=True)
    assert (strict, lenient) in {(None, None), ("private", None), ("never", "never")}


@given(st.ip_addresses(v=6).filter(lambda address: address not in IPv6Network("2000::/3")))
def test_nothing_outside_global_unicast_is_public_but_what_leads_to_ipv4(address: IPv6Address) -> None:
    ways = (IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
    assert refusal(address, allow_private=False) is not None or any(address in way for way in ways)


@pytest.mark.parametrize("address", ["fd00:ec2::23", "fd00:ec2::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"])
def test_metadata_services_are_refused_over_ipv6_too(address: str) -> None:
    assert refusal(address, allow_private=True) == "never"
