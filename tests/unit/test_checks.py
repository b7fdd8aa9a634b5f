"""The checks: each documented and complete, each sign seen in a mail of our own, and the corpus with its known results."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from bot.content import Shelf, packaged_shelf
from bot.errors import ContentError
from bot.model import Finding
from bot.reporting import checks
from bot.reporting.checks import all_checks, check_names, run
from bot.reporting.checks.bec import phones
from bot.reporting.context import Brand, Context, Practice, Registered
from bot.reporting.domains import host_of
from bot.reporting.evaluate_mail import evaluate, summary
from bot.reporting.examine import Examination, examine
from bot.reporting.explain import defang, domain, mismatch, say, where
from bot.reporting.facts import real_target
from bot.reporting.lexicon import load_lexicon, packaged_lexicon
from bot.reporting.mail import parse
from bot.reporting.mail_model import Email, Link
from bot.reporting.phrases import Matcher, read, words

CORPUS = Path(__file__).parent.parent / "corpus" / "mail"
ROWS = [json.loads(line) for line in (CORPUS / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
BANNED = ("oops", "unfortunately", "please note", "don't worry", "you failed", "careless", "should have known", " safe")


@pytest.fixture(scope="module")
def plain() -> Context:
    """What a desk knows before anybody told it about the organisation."""
    return packaged_lexicon().context()


@pytest.fixture(scope="module")
def ours(plain: Context) -> Context:
    """The organisation of the corpus."""
    return replace(
        plain,
        own_domains=("acme.example",),
        own_names=("Acme Works",),
        people=("Maria Vogt", "Jonas Keller"),
        partners=(Brand("Nordwind Logistics", ("nordwind logistics", "nordwind"), ("nordwind.example",)),),
        practice=(Practice("X-PHISHTEST", "token-4471"),),
        register=(Registered("Staff survey 2026", "staff@survey.example", ("survey.example",)),),
        authserv_id="mx.acme.example",
        today="2026-03-02",
    )


def mail(body: str = "Hi", kind: str = "plain", **headers: str) -> Email:
    message = EmailMessage()
    for name, value in {"From": "Kim <kim@news.example>", "Subject": "Hello", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(body, subtype=kind)
    return parse(message.as_bytes(), authserv_id="mx.acme.example")


def signs(email: Email, context: Context) -> set[str]:
    return {item.check for item in run(email, context) if not item.inconclusive}


@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_the_corpus_has_its_known_results(row: dict[str, Any], plain: Context, ours: Context) -> None:
    seen = examine((CORPUS / row["path"]).read_bytes(), row["path"], ours if row.get("org") else plain)
    assert seen.verdict.kind in row["kinds"], [item.check for item in seen.findings]
    assert set(row["signs"]) <= {item.check for item in seen.findings}
    assert set(row.get("defects", ())) <= set(seen.email.defects)
    assert len(seen.verdict.signs) <= 3
    for finding in seen.findings:
        assert "http" not in finding.sign.lower()
        assert not re.search(r"\w\.(?:example|com)\b", finding.sign)


def test_travel_headers_and_age_play_no_part(plain: Context) -> None:
    """Recipients, Received, X-*, List-*, ARC, foreign results and dates say where a mail was kept, not what it is."""
    data = (CORPUS / "phish-en-brand-login.eml").read_bytes()
    added = (
        b"Received: from a by b; Mon, 1 Jan 2001 00:00:00 +0000\r\nX-MS-Exchange-Organization-SCL: 9\r\nList-Id: <x.example>\r\n"
        b"List-Unsubscribe: <https://x.example>\r\nARC-Seal: i=1\r\nAuthentication-Results: mx.other.example; dmarc=pass\r\n"
        b"X-Spam-Flag: YES\r\nDelivered-To: somebody@x.example\r\n"
    )
    changed = re.sub(rb"(?m)^(To|Date|Message-ID): .*\r\n", b"", added + data)
    assert examine(data, "", plain).findings == examine(changed, "", plain).findings


def test_no_fraud_of_the_corpus_ends_as_nothing_found(plain: Context) -> None:
    mails = [row["path"] for row in ROWS if row["source"] == "bec"]
    kinds = {path: examine((CORPUS / path).read_bytes(), path, plain).verdict.kind for path in mails}
    assert (60, []) == (len(mails), [path for path, kind in kinds.items() if kind == "nothing_found"])


@pytest.mark.parametrize("name", check_names())
def test_a_check_explains_itself(name: str) -> None:
    lexicon = packaged_lexicon()
    module = __import__(f"bot.reporting.checks.{name}", fromlist=["check"])
    samples = re.findall(r"^Sample: ([a-z_]+)\.([a-z_]+) \"", module.__doc__ or "", re.M)
    assert name == module.ID
    assert samples
    for check, sign in samples:
        assert name == check
        assert f"{check}.{sign}" in lexicon.signs or f"{check}.{sign}_sender" in lexicon.signs
    assert f"check.{name}" in lexicon.signs


def test_every_sign_in_the_code_has_words_and_a_weight() -> None:
    lexicon = packaged_lexicon()
    used: set[str] = set()
    pattern = r'"((?:' + "|".join(check_names()) + r')\.[a-z_]+)"'
    for path in Path(checks.__path__[0]).glob("*.py"):
        used.update(re.findall(pattern, path.read_text(encoding="utf-8")))
    known = {sign for sign in lexicon.signs if "." in sign and not sign.startswith(("check.", "everything."))}
    assert set() == used - known
    assert known == set(lexicon.base.weights)


def test_signs_with_composed_names_exist() -> None:
    from bot.reporting.checks.attachments import _SIGNS
    from bot.reporting.checks.language import STRONG

    kinds = ("urgency", "account", "credential", *STRONG)
    names = {f"language.{kind}{ending}" for kind in kinds for ending in ("_subject", "", "_often")}
    names |= {
        f"lookalike.{whose}_{place}" for whose in ("own", "partner", "brand", "scripts") for place in ("sender", "link")
    }
    names |= {f"attachments.{trait}" for trait in _SIGNS}
    assert set() == names - set(packaged_lexicon().base.weights)
    assert set(packaged_lexicon().base.phrases) >= set(kinds)


@pytest.mark.parametrize("sign", sorted(packaged_lexicon().signs))
def test_sentences_are_short_and_without_blame(sign: str) -> None:
    for text in packaged_lexicon().signs[sign].values():
        assert len(text.split()) <= 25
        assert not any(word in text.lower() for word in BANNED)


def test_a_check_that_fails_is_named_and_never_innocence(plain: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(email: Email, context: Context) -> list[Finding]:
        raise ValueError("broken")

    monkeypatch.setattr(checks, "all_checks", lambda: {**all_checks(), "links": broken})
    failed = [item for item in checks.run(mail(), plain) if item.inconclusive]
    assert ["authentication", "links"] == [item.check for item in failed]
    assert "We could not check this: the links." == failed[1].sign


def test_what_was_not_read_is_named(plain: Context) -> None:
    deep = parse(b"Subject: x\r\nFrom: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<div>" * 5000)
    sealed = EmailMessage()
    sealed["From"] = "a@b.example"
    sealed.add_attachment(b"\x30\x80", maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    assert "whole" in {item.check for item in run(deep, plain) if item.inconclusive}
    assert "sealed" in {item.check for item in run(parse(sealed.as_bytes()), plain) if item.inconclusive}


def link(href: str, shown: str = "here", **headers: str) -> Email:
    return mail(f"<p>Some words about this and that.</p><a href='{href}'>{shown}</a>", "html", **headers)


@pytest.mark.parametrize(
    ("href", "shown", "sign"),
    [
        ("https://login.evil.example/a", "www.paypal.com", "links.mismatch_brand"),
        ("https://login.evil.example/a", "shop.other.example", "links.mismatch"),
        ("https://bit.ly/x", "here", "links.shortener"),
        ("https://x.pages.dev/", "here", "links.free_hosting"),
        ("https://www.google.com/url?q=https://evil.example", "here", "links.redirector"),
        ("http://203.0.113.7/a", "here", "links.ip"),
        ("https://xn--bcher-kva.example/", "here", "links.punycode"),
        ("https://paypal.com@evil.example/", "here", "links.userinfo"),
        ("https://evil.example:8443/", "here", "links.port"),
        ("https://evil.top/", "here", "links.cheap_ending"),
        ("https://a1b2c3d4e5f6g7.example/", "here", "links.random_host"),
        ("https://evil.example/paypal/login", "here", "links.brand_in_path"),
        ("https://evil.example/", "here", "links.all_elsewhere"),
        ("javascript:go()", "here", "links.script"),
        ("https://evil.example/?to=https://other.example/", "here", "links.address_inside"),
    ],
)
def test_links(href: str, shown: str, sign: str, plain: Context) -> None:
    assert sign in signs(link(href, shown), plain)


@pytest.mark.parametrize(
    ("href", "shown"),
    [
        ("https://www.news.example/a", "www.news.example"),
        ("https://click.news.example/t/1", "www.news.example/spring"),
        ("https://www.paypal.com/signin", "paypal.com"),
        ("https://news.us1.list-manage.com/track?u=1", "www.shop.example"),
    ],
)
def test_links_that_do_what_they_say(href: str, shown: str, plain: Context) -> None:
    assert not {"links.mismatch", "links.mismatch_brand"} & signs(link(href, shown), plain)


def test_a_mismatch_reads_as_promised(plain: Context) -> None:
    shown = Link("www.paypal.com", "https://login.evil.example/a/b?c=1", "login.evil.example")
    assert "shown www[.]paypal[.]com → goes to hxxps://login[.]evil[.]example/…" == mismatch(shown)
    found = [
        item
        for item in run(link("https://login.evil.example/a", "www.paypal.com"), plain)
        if item.check == "links.mismatch_brand"
    ]
    expected = "A link shows a well-known address and leads elsewhere: shown www[.]paypal[.]com → goes to hxxps://login[.]evil[.]example/…."
    assert [expected] == [item.sign for item in found]


def test_defanging() -> None:
    assert "hxxps://a[.]example/x.y".replace("x.y", "x[.]y") == defang("https://a.example/x.y")
    assert "HXXP://A[.]EXAMPLE kim@a[.]example 3.5 km".replace("3.5", "3[.]5") == defang(
        "HTTP://A.EXAMPLE kim@a.example 3.5 km"
    )
    assert "ab" == defang("a\u200b\u202eb")
    assert "bücher[.]example (xn--bcher-kva[.]example)" == domain("xn--bcher-kva.example")
    assert "hxxps://a[.]example" == where("https://a.example/")


def test_a_missing_value_never_breaks_a_sentence(plain: Context) -> None:
    assert "The name says ?, but the mail comes from ?." == say(plain, "sender_identity.brand_in_name")
    assert "nowhere.known" == say(plain, "nowhere.known")


@pytest.mark.parametrize(
    ("sender", "sign"),
    [
        ("PayPal <x@evil.example>", "sender_identity.brand_in_name"),
        ("PaypaI Kundenservice <x@evil.example>", "sender_identity.brand_in_name"),
        ("TrustwaIIetTeam <x@evil.example>", "sender_identity.brand_in_name"),
        ('"ceo@corp.example" <x@evil.example>', "sender_identity.address_in_name"),
        ("bank.com <x@evil.example>", "sender_identity.host_in_name"),
        ("Help <paypal-service@evil.example>", "sender_identity.brand_in_address"),
        ("IT Helpdesk <x@evil.example>", "sender_identity.role"),
        ("IT Helpdesk <x@gmail.com>", "sender_identity.role_freemail"),
        ("Maria Vogt <x@evil.example>", "sender_identity.person_outside"),
        ("Vogt, Maria <x@evil.example>", "sender_identity.person_outside"),
        ("Acme Works HR <x@evil.example>", "sender_identity.own_name_outside"),
        ("Ba\u200bnk <x@evil.example>", "sender_identity.disguised_name"),
        ("🎁 Prize <x@evil.example>", "sender_identity.emoji_name"),
        ("Garden Tips..... <x@evil.example>", "sender_identity.noise_name"),
        ("Kim <kJYqaDB@evil.example>", "sender_identity.random_address"),
        ("Kim <x@evil.top>", "sender_identity.cheap_domain"),
        ("Kim <x@shop-1.firebaseapp.com>", "sender_identity.rented_domain"),
        ("Kim <x@a.b.c.d.e.example>", "sender_identity.random_domain"),
        ("Kim <x@acrne.example>", "lookalike.own_sender"),
        ("Kim <x@acme-login.example>", "lookalike.own_sender"),
        ("Kim <x@acme.test>", "lookalike.own_sender"),
        ("Kim <x@nordw1nd.example>", "lookalike.partner_sender"),
        ("Kim <x@paypal-login.example>", "lookalike.brand_sender"),
        ("Kim <x@micros0ft.example>", "lookalike.brand_sender"),
        ("Kim <x@xn--aple-73d.example>", "lookalike.scripts_sender"),
        ("Kim", "no_sender.missing"),
        ("Kim <kim@b@.>", "no_sender.malformed"),
    ],
)
def test_senders(sender: str, sign: str, ours: Context) -> None:
    raw = f"From: {sender}\r\nSubject: Hello\r\n\r\nHi".encode()
    assert sign in signs(parse(raw), ours)


@pytest.mark.parametrize(
    "sender",
    [
        "PayPal <service@paypal.com>",
        "Amazon.pl <x@amazon.pl>",
        "Maria Vogt <maria.vogt@acme.example>",
        "Peter Holm <peter@nordwind.example>",
        "Kurier (via Paketpost) <x@paketpost.example>",
        "Garden Support <help@garden.example>",
        "Reed, Inc. <x@reed.example>",
        "Updates <TrackingUpdates@garden.example>",
    ],
)
def test_honest_senders(sender: str, ours: Context) -> None:
    raw = f"From: {sender}\r\nSubject: Hello\r\n\r\nHi".encode()
    found = {sign for sign in signs(parse(raw), ours) if sign.startswith(("sender_identity", "lookalike", "no_sender"))}
    assert set() == found


@pytest.mark.parametrize(
    ("sender", "reply", "sign"),
    [
        ("a@b.example", "c@gmail.com", "reply_to.freemail"),
        ("a@gmail.com", "c@gmail.com", "reply_to.freemail_both"),
        ("a@b.example", "c@d.example", "reply_to.other"),
        ("a@acme.example", "c@d.example", "reply_to.from_us"),
        ("a@b.example", "c@mail.b.example", ""),
        ("a@gmail.com", "A@gmail.com", ""),
    ],
)
def test_reply_to(sender: str, reply: str, sign: str, ours: Context) -> None:
    found = {item for item in signs(mail(From=sender, Reply_To=reply), ours) if item.startswith("reply_to")}
    assert ({sign} if sign else set()) == found


@pytest.mark.parametrize(
    ("results", "sender", "sign"),
    [
        ("mx.acme.example; dmarc=fail header.from=b.example", "a@b.example", "authentication.dmarc_fail"),
        ("mx.acme.example; dmarc=fail header.from=acme.example", "a@acme.example", "authentication.own_fail"),
        ("mx.acme.example; spf=fail; dkim=none", "a@b.example", "authentication.spf_fail"),
        ("mx.acme.example; spf=fail; dkim=pass header.d=b.example", "a@b.example", ""),
        ("mx.acme.example; dkim=fail", "a@b.example", ""),
    ],
)
def test_authentication(results: str, sender: str, sign: str, ours: Context) -> None:
    findings = [
        item for item in run(mail(From=sender, Authentication_Results=results), ours) if "authentication" in item.check
    ]
    assert ([sign] if sign else []) == [item.check for item in findings]


def test_results_of_others_count_for_nothing(ours: Context) -> None:
    findings = [
        item
        for item in run(mail(Authentication_Results="mx.evil.example; dmarc=pass"), ours)
        if item.check == "authentication"
    ]
    assert [True] == [item.inconclusive for item in findings]


@pytest.mark.parametrize(
    ("body", "sign"),
    [
        ("<p>Hi</p><div style='display:none'>" + "words to fool filters " * 40 + "</div>", "hidden_text.long"),
        (
            "<p>" + "long text " * 100 + "</p><div style='display:none'>" + "more words " * 40 + "</div>",
            "hidden_text.some",
        ),
        ("<p>pa\u200bss\u200bwo\u200brd</p>", "hidden_text.split_words"),
        ("<p>a" + " \u200c" * 50 + "</p>", "hidden_text.invisible"),
        ("<p>Your раypal</p>", "hidden_text.mixed_scripts"),
        ("<p>𝗖𝗼𝗻𝗳𝗶𝗿𝗺 𝗻𝗼𝘄 𝗽𝗹𝗲𝗮𝘀𝗲</p>", "hidden_text.decorated"),
        ("<a href='https://x.example'><img src='https://y.example/a.png'></a>", "image_only.linked_elsewhere"),
        ("<a href='https://news.example'><img src='https://y.example/a.png'></a>", "image_only.linked"),
        ("<img src='https://y.example/a.png'>", "image_only.picture"),
    ],
)
def test_hidden_text_and_pictures(body: str, sign: str, plain: Context) -> None:
    assert sign in signs(mail(body, "html"), plain)


def test_a_vendor_header_alone_is_no_practice_mail(ours: Context) -> None:
    assert {"practice.ours"} == {s for s in signs(mail(X_PHISHTEST="a token-4471"), ours) if "practice" in s}
    assert {"practice.unregistered"} == {s for s in signs(mail(X_PHISHTEST="guess"), ours) if "practice" in s}
    by_domain = replace(ours, practice=(Practice("X-PHISHTEST", domains=("train.example",)),))
    assert "practice.ours" in signs(mail("https://a.train.example/1", X_PHISHTEST="x"), by_domain)
    assert "practice.ours" not in signs(mail("https://train.example.evil.example/1", X_PHISHTEST="x"), by_domain)


@pytest.mark.parametrize(
    ("results", "href", "today", "sign"),
    [
        ("mx.acme.example; dmarc=pass", "https://a.survey.example/", "2026-03-02", "ours.registered"),
        ("mx.evil.example; dmarc=pass", "https://a.survey.example/", "2026-03-02", "ours.not_proved"),
        ("mx.acme.example; dmarc=pass", "https://survey.example.evil.example/", "2026-03-02", "ours.not_proved"),
        ("mx.acme.example; dmarc=pass", "https://a.survey.example/", "2026-07-01", ""),
    ],
)
def test_the_register(results: str, href: str, today: str, sign: str, ours: Context) -> None:
    entry = replace(ours.register[0], until="2026-06-30")
    context = replace(ours, register=(entry,), today=today)
    email = link(href, From="Staff Survey <staff@survey.example>", Authentication_Results=results)
    assert ({sign} if sign else set()) == {item for item in signs(email, context) if item.startswith("ours")}


def test_telephone_numbers() -> None:
    text = "Ring +49 555 0142 770, (555) 010-4477 or 1-555-0142-311 on 2026-03-02; card 4111 1111 1111 1111, order 123456789."
    assert ["495550142770", "5550104477", "15550142311"] == phones(text)


def test_gateway_rewriting_is_undone(plain: Context) -> None:
    assert "evil.example" == host_of(
        real_target("https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2Fa&data=1", plain)
    )
    assert "evil.example" == host_of(real_target("https://urldefense.com/v3/__https://evil.example/a__;!!x", plain))
    assert "evil.example" == host_of(
        real_target("https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example_a&d=x", plain)
    )
    assert "https://other.example/?url=https://x.example" == real_target(
        "https://other.example/?url=https://x.example", plain
    )


@pytest.mark.parametrize(
    ("phrase", "text", "hit"),
    [
        ("verify|confirm your account", "Please VERIFY your  account!", "verify your account"),
        ("act ?right now", "act now", "act now"),
        ("account .. suspended", "Account has now been suspended", "account has now been suspended"),
        ("account .. suspended", "account one two three four suspended", ""),
        ("gewinn*", "Ihr Gewinnspiel", "gewinnspiel"),
        ("schlussel", "Schlüssel", "schlussel"),
        ("d urgence", "d'urgence", "d urgence"),
    ],
)
def test_phrases(phrase: str, text: str, hit: str) -> None:
    assert ([hit] if hit else []) == Matcher({"x": [phrase]}).find(words(text)).get("x", [])


def test_a_phrase_must_begin_with_a_word() -> None:
    with pytest.raises(ValueError, match="must begin"):
        read(".. account")


def test_faults_of_the_folder_are_all_reported(tmp_path: Path) -> None:
    folder = tmp_path / "phishing"
    (folder / "wording").mkdir(parents=True)
    (folder / "weights.yaml").write_text("weights:\n  links.nowhere: {weight: 1}\n", encoding="utf-8")
    (folder / "wording" / "casino.yaml").write_text(
        "category: casino\nabout: x\nphrases: {en: ['.. x']}\n", encoding="utf-8"
    )
    (folder / "practice.yaml").write_text("headers: []\nextra: 1\n", encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        load_lexicon(packaged_shelf(tmp_path))
    text = str(caught.value)
    assert all(part in text for part in ("must begin with a word", "extra"))
    assert isinstance(packaged_shelf(tmp_path), Shelf)


class Direct:
    """An examiner without a process, for the figures."""

    def examine(self, data: bytes, name: str, context: Context) -> Examination:
        return examine(data, name, context)


def test_figures_of_the_corpus(plain: Context) -> None:
    figures = evaluate(CORPUS, plain, Direct())
    wanted = set(figures["likely"]["sources"])
    assert 0.0 == figures["likely"]["sources"]["own_newsletter"]
    assert 0.0 == figures["suspicious"]["sources"]["own_newsletter"]
    assert wanted == set(figures["left_out"])
    assert (0, 0) == (figures["uncaught"], figures["timeouts"])
    assert figures["auroc"] > 0.9


def test_could_not_check_counts_against_us(plain: Context) -> None:
    from bot.model import Kind
    from bot.reporting.evaluate_mail import Outcome

    def outcome(label: str, kind: Kind, score: float, source: str = "s", campaign: str = "1") -> Outcome:
        return Outcome(label, source, campaign, "", kind, score, 1.0, "")

    figures = summary(
        [
            outcome("phish", Kind.LIKELY_PHISHING, 6.0),
            outcome("phish", Kind.COULD_NOT_CHECK, 0.0, campaign="2"),
            outcome("phish", Kind.SPAM, 3.0, campaign="2"),
            outcome("ham", Kind.NOTHING_FOUND, 0.0),
            outcome("ham", Kind.COULD_NOT_CHECK, 0.0),
            outcome("ham", Kind.SUSPICIOUS, 3.0, source="t"),
        ]
    )
    assert (0.3333, 0.5, 0.25) == tuple(figures["likely"][key] for key in ("mails", "campaigns", "macro_false_alarms"))
    assert (0.6667, 1.0, 0.75) == tuple(
        figures["suspicious"][key] for key in ("mails", "campaigns", "macro_false_alarms")
    )
    assert {"s": 0.5, "t": 0.0} == figures["likely"]["sources"]
    assert 0.3333 == figures["could_not_check"]


def test_a_picture_that_nobody_sees_is_said_and_decides_nothing(plain: Context) -> None:
    email = mail(
        "<p>Our spring letter, with many words.</p><img src='https://t.mailer.example/o.gif' width=1 height=1>", "html"
    )
    assert ("t.mailer.example",) == email.trackers
    (finding,) = [item for item in run(email, plain) if item.check == "links.tracking"]
    assert "t[.]mailer[.]example" in finding.sign
    assert finding.weight < 0.05
    assert () == mail("<img src='https://t.mailer.example/o.gif' width=90>", "html").trackers
