"""Who is asked, and whether a code proves who somebody is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.errors import KeyUnusable
from fulcrum.reviewers import Reviewer, Role, assigned, matched, new_secret, provisioning, same_person
from fulcrum.sealing import Seal, new_key

NOW = datetime(2026, 11, 26, 12, 0, 15, tzinfo=UTC)


def person(name: str, *queues: str, active: bool = True) -> Reviewer:
    return Reviewer(name=name, role=Role.REVIEWER, queues=queues, active=active)


@pytest.mark.parametrize(
    ("load", "but", "asked"),
    [
        ({}, (), "Ada"),
        ({"Ada": 1}, (), "Bo"),
        ({"Ada": 1, "Bo": 1}, (), "Ada"),
        ({"Ada": 0, "Bo": 3}, ("ADA",), "Bo"),
        ({}, ("Ada", "bo"), None),
    ],
)
def test_whoever_has_the_fewest_open_cases_is_asked(
    load: dict[str, int], but: tuple[str, ...], asked: str | None
) -> None:
    """Of those whose queue it is, and who may decide it; nobody else, and nobody who left."""
    people = [person("Bo", "q"), person("Ada"), person("Cleo", "other"), person("Dan", "q", active=False)]
    assert assigned(people, "q", load, but=but) == asked


@given(st.lists(st.sampled_from(["Ada", "Bo", "Cleo"]), unique=True, min_size=1), st.integers(1, 60))
def test_cases_are_spread_evenly(names: list[str], count: int) -> None:
    """After any number of cases nobody has more than one more than anybody else."""
    load: dict[str, int] = {}
    for _ in range(count):
        name = assigned([person(each) for each in names], "q", load)
        assert name is not None
        load[name] = load.get(name, 0) + 1
    counts = [load.get(name, 0) for name in names]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Okafor", " ada  OKAFOR", True),
        ("Zoë", "Zoe\u0308", True),
        ("Ada", "Adam", False),
        ("STRASSE", "Straße", True),
    ],
)
def test_spellings_of_a_name(one: str, other: str, same: bool) -> None:
    """Case, accents' form and blanks do not make another person."""
    assert same_person(one, other) is same


# RFC 6238, appendix B, SHA-1, cut to six digits; the secret is the RFC's, in base32.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238's own table."""
    assert matched(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(("seconds", "good"), [(-31, True), (0, True), (31, True), (-75, False), (75, False)])
def test_a_code_is_good_for_about_a_minute(seconds: int, good: bool) -> None:
    """A step early or late counts, because typing takes a while; two do not."""
    from pyotp import TOTP

    code = TOTP(RFC_SECRET).at(NOW + timedelta(seconds=seconds))
    assert (matched(RFC_SECRET, f" {code[:3]} {code[3:]} ", NOW) is not None) is good


def test_secrets_are_sealed() -> None:
    """What lies in the ledger says nothing without the key, and another key opens nothing."""
    secret, key = new_secret(), new_key()
    sealed = Seal(key).seal(secret)
    assert secret not in sealed
    assert Seal(key).open(sealed) == secret
    with pytest.raises(KeyUnusable, match="not the key"):
        Seal(Fernet.generate_key().decode()).open(sealed)
    with pytest.raises(KeyUnusable, match="no Fernet key"):
        Seal("a password")


def test_an_authenticator_reads_the_address() -> None:
    """With issuer and name, as apps list it."""
    assert provisioning(RFC_SECRET, "Ada Okafor").startswith("otpauth://totp/Fulcrum:Ada%20Okafor?secret=GEZD")
