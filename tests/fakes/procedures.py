"""Procedures for tests: small ones with every kind of step, as YAML, loaded by the real loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.app.contents import Contents
from bot.app.procedure_files import vocabulary
from bot.content import Faults, Shelf
from bot.errors import Fault
from bot.procedures.library import read_procedures
from bot.procedures.shapes import Library
from tests.fakes.desk import fixed

TAKEOVER = """\
schema: procedure/1
id: takeover
version: 3
state: published
title: {en: "Account taken over", de: "Konto übernommen", fr: "Compte détourné", es: "Cuenta tomada"}
purpose: {en: "Get them out.", de: "Raus mit ihnen.", fr: "Les faire sortir.", es: "Echarlos."}
owner: security-lead
author: sam-ortiz
approved_by: ines-brandt
reviewed: 2030-01-10
review_due: 2030-07-10
sources: [{code: "T-1", title: "A page", publisher: "A body", checked: 2030-01-02}]
start: {emergencies: [credentials], tickets: [report, takeover]}
minutes: 60
steps:
  - id: revoke
    do: {en: "Revoke the sessions.", de: "Sitzungen widerrufen.", fr: "Révoquez les sessions.", es: "Revoque las sesiones."}
    who: it_helpdesk
    evidence: text
    minutes: 15
    on_failure: {go: partner}
  - id: was-admin
    ask: {en: "Was it an administrator?", de: "War es eine Adminrolle?", fr: "Un administrateur ?", es: "¿Era administrador?"}
    options:
      - {id: "yes", label: {en: "Yes", de: "Ja", fr: "Oui", es: "Sí"}, go: second}
      - {id: "no", label: {en: "No", de: "Nein", fr: "Non", es: "No"}, go: tell}
  - id: second
    do: {en: "Check the methods.", de: "Methoden prüfen.", fr: "Contrôlez.", es: "Compruebe."}
    who: it_helpdesk
    four_eyes: revoke
  - id: tell
    do: {en: "Ring {helpdesk_phone}.", de: "{helpdesk_phone} anrufen.", fr: "{helpdesk_phone}.", es: "{helpdesk_phone}."}
    who: it_helpdesk
    evidence: any
    required: false
    next: end
  - id: partner
    do: {en: "Ring the partner.", de: "Partner anrufen.", fr: "Appelez.", es: "Llame."}
    who: partner
    on_failure: {stop: true}
    next: was-admin
"""

DAILY = """\
schema: procedure/1
id: daily
version: 1
state: published
title: {en: "Daily check"}
purpose: {en: "Look."}
owner: mail-security
author: sam-ortiz
approved_by: ines-brandt
reviewed: 2030-01-10
review_due: 2030-07-10
sources: [{code: "T-1", title: "A page", publisher: "A body", checked: 2030-01-02}]
start: {schedule: {every: day, at: "09:00", within: 4h}}
minutes: 30
steps:
  - id: look
    do: {en: "Look at the queue."}
    who: it_helpdesk
    evidence: file
"""


def write(folder: Path, **texts: str) -> Path:
    """An overlay folder with these procedures: `daily_check=…` is procedures/daily-check.yaml."""
    home = folder / "procedures"
    home.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (home / f"{name.replace('_', '-')}.yaml").write_text(text, "utf-8")
    return folder


def loaded(contents: Contents, folder: Path, *, alone: bool = False, **texts: str) -> tuple[Library, list[Fault]]:
    """What the loader makes of these files and no others, with the names that the sample organisation has."""
    faults = Faults()
    known = vocabulary(contents.organisation.current, contents.gate.current.kinds, alone=alone)
    return read_procedures(Shelf(write(folder, **texts)), known, faults), faults.found


def with_procedures(contents: Contents, folder: Path, **texts: str) -> Contents:
    """The content with these procedures instead of the packaged ones. Raises what they have wrong."""
    library, faults = loaded(contents, folder, **texts)
    assert faults == []
    return replace(contents, procedures=fixed("procedures", library))
