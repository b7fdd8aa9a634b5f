"""A real Request Tracker 5 in a folder of our own: Debian's packages, SQLite, no mail sent, one queue, one user with a token."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SETUP = "/usr/sbin/rt-setup-database-5"
PACKAGES = ("request-tracker5", "rt5-db-sqlite", "rt5-standalone", "msmtp-mta")
NEVER_STARTED = "Request Tracker did not start"

_CONFIG = """
Set($rtname, 'example');
Set($Organization, 'example');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.db');
Set($MailCommand, 'testfile');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($WebPath, '');
Set($LogToSTDERR, 'warning');
Set($LogToSyslog, undef);
Set($LogDir, '{folder}');
Set($Timezone, 'America/New_York');
$RT::MasonDataDir = '{folder}/mason';
$RT::MasonSessionDir = '{folder}/sessions';
$RT::VarPath = '{folder}/var';
1;
"""

# A queue, what names our ticket in it, the user that we sign in as, one person at that desk, and a token for each.
_PERL = r"""
use strict; use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;
my $queue = RT::Queue->new(RT->SystemUser);
$queue->Create(Name => 'Security', CorrespondAddress => 'security@rt.example');
my $field = RT::CustomField->new(RT->SystemUser);
$field->Create(Name => 'Secdesk', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => 0);
$field->AddToObject($queue);
my @tokens;
for my $who (['secdesk', 'secdesk@northwind.example', 'Secdesk'], ['sam', 'sam.ortiz@northwind.example', 'Sam Ortiz']) {
  my $user = RT::User->new(RT->SystemUser);
  $user->Create(Name => $who->[0], EmailAddress => $who->[1], RealName => $who->[2], Privileged => 1);
  for my $right (qw(ShowTicket ShowTicketComments CreateTicket ReplyToTicket CommentOnTicket ModifyTicket OwnTicket TakeTicket
      StealTicket ReassignTicket SeeQueue SeeCustomField ModifyCustomField AdminUsers)) {
    my ($ok, $said) = $user->PrincipalObj->GrantRight(Right => $right, Object => $right eq 'AdminUsers' ? RT->System : $queue);
    die "$right: $said" unless $ok;
  }
  my $token = RT::AuthToken->new(RT->SystemUser);
  my ($ok, $said, $text) = $token->Create(Owner => $user->id, Description => 'test');
  die $said unless $ok;
  push @tokens, $text;
}
print "TOKENS @tokens\n";
"""


@dataclass
class RequestTracker:
    """One that can be stopped and started again. `token` is ours, `other` somebody else's at that desk."""

    folder: Path
    port: int
    token: str = ""
    other: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Until it answers."""
        command = [str(SERVER), "--host", "127.0.0.1", "--port", str(self.port), "--max-workers", "2"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                _as_nobody(command), env=self.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self._answers():
                return
            time.sleep(0.2)
        raise RuntimeError(NEVER_STARTED + ": " + (self.folder / "server.log").read_text("utf-8", "replace")[-2000:])

    def stop(self) -> None:
        """It and its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, 15)
            self.process.wait(20)
            self.process = None

    def _answers(self) -> bool:
        try:
            urlopen(f"{self.url}/REST/2.0/rt", timeout=5).close()
        except HTTPError as error:
            return error.code == 401
        except (URLError, OSError):
            return False
        return True

    def env(self) -> Mapping[str, str]:
        return {"RT_SITE_CONFIG": str(self.folder / "config.pm"), "HOME": str(self.folder), "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8"}  # fmt: skip


def installed() -> bool:
    """Whether the packages are there."""
    return SERVER.exists() and Path(SETUP).exists()


def install() -> None:
    """Debian's packages, as root."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-o", "DPkg::Lock::Timeout=900", "-qq", "-y", "--no-install-recommends"]
    for command in (["update", "-qq"], [*options, "install", *PACKAGES]):
        subprocess.run(["apt-get", *command], stdout=subprocess.DEVNULL, env=env, check=True)


@contextmanager
def request_tracker(folder: Path) -> Iterator[RequestTracker]:
    """A server with one queue, in a folder that its user can write."""
    made = RequestTracker(folder, _free_port())
    for name in ("mason", "sessions", "var"):
        (folder / name).mkdir()
    (folder / "config.pm").write_text(_CONFIG.format(folder=folder, port=made.port))
    (folder / "make.pl").write_text(_PERL)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    try:
        _run(made, [SETUP, "--action", "init", "--skip-create", "--dba", "", "--dba-password", ""])
        said = _run(made, ["perl", str(folder / "make.pl")])
        made.token, made.other = next(line for line in said.splitlines() if line.startswith("TOKENS ")).split()[1:]
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _run(made: RequestTracker, command: list[str]) -> str:
    done = subprocess.run(
        _as_nobody(command), env=made.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        cwd=made.folder,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def _as_nobody(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
