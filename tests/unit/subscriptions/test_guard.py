"""Which addresses a webhook may be sent to."""

from ipaddress import ip_address

import pytest

from services.subscriptions.guard import AddressRefusedError, check_addresses, refused_kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "this network"),  # noqa: S104  # nothing binds to it
        ("0.1.2.3", "this network"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "shared by a carrier"),
        ("100.100.100.200", "shared by a carrier"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "cloud metadata"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("192.31.196.1", "AS112"),
        ("192.52.193.1", "AMT relay"),
        ("192.88.99.1", "6to4 relay"),
        ("192.168.1.1", "private"),
        ("192.175.48.6", "AS112"),
        ("198.18.0.1", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.7", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "IPv4-compatible"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::ffff:0:127.0.0.1", "IPv4-translated"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b:1::7f00:1", "local NAT64"),
        ("100::1", "discard"),
        ("2001::1", "Teredo"),
        ("2001:2::1", "protocol assignments"),
        ("2001:10::1", "protocol assignments"),
        ("2001:20::1", "protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::1", "6to4"),
        ("2620:4f:8000::1", "AS112"),
        ("3fff::1", "documentation"),
        ("4000::1", "not global unicast"),
        ("5f00::1", "not global unicast"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("2606:4700::1%eth0", "scoped"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("2606:4700::5efe:7f00:1", "ISATAP"),
        ("2606:4700::200:5efe:7f00:1", "ISATAP"),
    ],
)
def test_an_address_that_leads_inside_is_refused_by_its_kind(address, kind):
    assert refused_kind(ip_address(address)) == kind


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "168.63.129.15",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ],
)
def test_a_public_address_is_fit(address):
    assert refused_kind(ip_address(address)) is None


def test_one_unfit_address_refuses_the_whole_name():
    with pytest.raises(AddressRefusedError, match=r"hook\.example leads to 10\.0\.0\.1.*private"):
        check_addresses("hook.example", ["8.8.8.8", "10.0.0.1"], allow_loopback=False)


def test_a_name_without_an_address_is_refused():
    with pytest.raises(AddressRefusedError, match="no address"):
        check_addresses("hook.example", [], allow_loopback=True)


def test_loopback_can_be_allowed_and_nothing_else_with_it():
    assert check_addresses("here", ["127.0.0.1", "::1"], allow_loopback=True)
    for inside in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        with pytest.raises(AddressRefusedError):
            check_addresses("inside", [inside], allow_loopback=True)
