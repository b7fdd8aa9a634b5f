"""The register of genuine mailings, surveys, domains, practice mails and callers, and the question "is this ours?"."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.answering.ours import Ours, defanged, load_wording
from bot.content import Faults, packaged_shelf
from bot.register import Register, load_register

TODAY = date(2030, 3, 17)
FILE = """
schema: register/1
mailings:
  - {name: "Acme Weekly", also: ["the staff newsletter"], sender: "news@acme.example", domains: ["acme.example"], until: 2031-01-31, owner: comms}
surveys:
  - {name: "Pulse survey", sender: "acme@ask.pollster.example", domains: ["pollster.example"], since: 2030-03-01, until: 2030-03-31, owner: hr}
  - {name: "Office survey 2029", also: ["office survey"], sender: "acme@old.pollster.example", domains: ["old-pollster.example"], until: 2029-12-31, owner: hr}
  - {name: "Summer survey", sender: "s@later.example", domains: ["later.example"], since: 2030-06-01, until: 2030-07-01, owner: hr}
domains:
  - {name: "Acme Benefits", domain: "Acme-Benefits.example", until: 2031-01-31, owner: hr}
practice:
  - {name: "Spring practice", header: "X-PhishTest", token: "token-4471", domains: ["parcels.example"], until: 2030-12-31, owner: sec}
  - {name: "Quiet practice", header: "x-phishtest", domains: ["quiet.example"], tell: false, until: 2030-12-31, owner: sec}
callers:
  - {name: "Brightwell", what: {en: "our partner"}, phone: "+44 20 7946 0880", until: 2031-01-31, owner: sec}
"""  # noqa: E501


def loaded(text: str, folder: Path, *, sample: bool = False) -> tuple[Register, list[str]]:
    (folder / "register.yaml").write_text(text, "utf-8")
    faults = Faults()
    register = load_register(packaged_shelf(folder), faults, sample=sample)
    return register, [str(fault).rsplit("/", 1)[-1] for fault in faults.found]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    register, faults = loaded(FILE, tmp_path_factory.mktemp("register"))
    assert faults == []
    wording = load_wording(packaged_shelf(), Faults())
    return Ours(lambda: wording, lambda: register, lambda: ["acme.example"])


def seen(ours: Ours, text: str, today: date = TODAY) -> tuple[str, str] | None:
    found = ours.look(text, today)
    return (found.what, found.item.name if found.item else "") if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # by name, mistyped, in four languages
        ("is the pulse survey real?", ("listed", "Pulse survey")),
        ("Is that puls survey genuine", ("listed", "Pulse survey")),
        ("did we send the staff newsletter", ("listed", "Acme Weekly")),
        ("ist die Pulse Survey echt", ("listed", "Pulse survey")),
        ("le pulse survey est-il vrai ?", ("listed", "Pulse survey")),
        ("¿es auténtica la pulse survey?", ("listed", "Pulse survey")),
        ("somebody from Brightwell rang, is that legit", ("listed", "Brightwell")),
        # by address
        ("is acme@ask.pollster.example ours", ("listed", "Pulse survey")),
        ("is hxxps://www[.]pollster[.]example/form genuine?", ("listed", "Pulse survey")),
        ("https://acme-benefits.example/login", ("listed", "Acme Benefits")),
        ("is the call from 020 7946 0880 official", ("listed", "Brightwell")),
        ("is parcels.example real", ("listed", "Spring practice")),
        # what the register knows nothing of
        ("is the holiday survey real", ("unlisted", "")),
        ("is mail from x@stranger.example genuine", ("unlisted", "")),
        ("is quiet.example real", ("unlisted", "")),
        ("is later.example real", ("unlisted", "")),
        ("is the summer survey real", ("unlisted", "")),
        ("is boss@acme.example really from us", ("own", "")),
        # the name is ours, the address is not
        ("is the pulse survey at https://pulse-survey.test/a real", ("differs", "Pulse survey")),
        ("is https://pollster.example real or https://evil.test", ("differs", "Pulse survey")),
        # out of date
        ("is the office survey real", ("expired", "Office survey 2029")),
        ("is old-pollster.example genuine", ("expired", "Office survey 2029")),
        # not such a question
        ("how do I report a mail", None),
        ("when does the pulse survey close", None),
        ("https://stranger.example/x", None),
        ("is this email real", None),
        ("a real mess.how do i fix it", None),
        ("is invoice.pdf real", None),
        ("", None),
    ],
)
def test_what_the_register_says(ours: Ours, text: str, expected: tuple[str, str] | None) -> None:
    assert seen(ours, text) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://pollster.example.evil.test/", "https://pollster.example@evil.test/", "https://evil.test/pollster.example",
        "https://evil.test\\@pollster.example/", "https://pollster.example%2eevil.test/", "https://xpollster.example/",
        "https://poIlster.exampIe/", "https://роllster.example/", "https://[::1]/", "https://[bad/",
        "acme@pollster.example.evil.test", "https://pollster.example:80@evil.test",
    ],
)  # fmt: skip
def test_an_address_that_only_looks_registered_is_not(ours: Ours, address: str) -> None:
    found = ours.look(f"is {address} genuine", TODAY)
    assert found is not None
    assert found.what in ("unlisted", "differs"), found


def test_an_item_holds_from_its_first_day_to_the_end_of_its_last(ours: Ours) -> None:
    days = [date(2030, 2, 28), date(2030, 3, 1), date(2030, 3, 31), date(2030, 4, 1)]
    assert [seen(ours, "is the pulse survey real", day) for day in days] == [
        ("unlisted", ""), ("listed", "Pulse survey"), ("listed", "Pulse survey"), ("expired", "Pulse survey"),
    ]  # fmt: skip


def test_a_long_text_costs_little(ours: Ours) -> None:
    import time

    text = "is a.b@c.example real http://a.example " * 300
    start = time.process_time()
    for _ in range(20):
        ours.look(text, TODAY)
    assert (time.process_time() - start) / 20 < 0.02


def test_what_is_shown_makes_no_link() -> None:
    assert defanged("https://a.example/x") == "hxxps://a[.]example/x"
    assert defanged("+44 20") == "+44 20"


def test_made_up_items_count_for_the_made_up_organisation_only(tmp_path: Path) -> None:
    text = FILE.replace("schema: register/1", "schema: register/1\nsample: true")
    assert len(loaded(text, tmp_path, sample=True)[0].items) == 8
    assert loaded(text, tmp_path)[0].items == ()
    shipped, faults = packaged_shelf(), Faults()
    assert load_register(shipped, faults, sample=False).items == ()
    assert load_register(shipped, faults, sample=True).items != ()
    assert faults.found == []


def test_expired_items_are_known(tmp_path: Path) -> None:
    register, _ = loaded(FILE, tmp_path)
    assert [item.name for item in register.expired(TODAY)] == ["Office survey 2029"]
    assert [item.name for item in register.current(TODAY, "survey")] == ["Pulse survey"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("until: 2031-01-31, owner: comms", "owner: comms"), '4:5: "mailings.0.until" is missing, add it'),
        (
            ('sender: "news@acme.example"', "sender: news"),
            '4:59: "mailings.0.sender": "news" cannot be read, write one address, like news@example.com',
        ),
        (
            (', token: "token-4471", domains: ["parcels.example"]', ""),
            '12:5: "practice.0": a header alone proves nothing, since anybody can write one, add a token or domains',
        ),
        (
            ("since: 2030-06-01", "since: 2031-06-01"),
            '8:5: "surveys.2": it ends before it begins, correct since or until',
        ),
        (
            ("Acme Benefits", "pulse Survey"),
            '10:5: "pulse Survey" is also a name of "Pulse survey", tell them apart, by the year for example',
        ),
        (("owner: comms", "owner: comms, safe: true"), '4:148: "mailings.0.safe" is not a key that is known here, '
         "remove it, or check its spelling"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    assert change[0] in FILE
    _, faults = loaded(FILE.replace(*change), tmp_path)
    assert faults == [f"register.yaml:{expected}"]
