"""Settings: one reader, environment over file, every mistake named with its mend, secrets never shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import FILE, SETTINGS, Settings, load_settings, settings_table


def write(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, "utf-8")
    return folder


def test_without_anything_it_is_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings == Settings(
        folder=tmp_path, data=tmp_path / "secdesk-data", knowledge=tmp_path / "knowledge", unknown_env=()
    )
    assert {setting.name: setting.default for setting in SETTINGS} == {
        field.name: str(field.default) if field.name in {"data", "knowledge"} else field.default
        for field in fields(Settings)
        if field.name not in {"folder", "unknown_env"}
    }


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[server]\nport = 9000\nhost = "0.0.0.0"\n[channels]\nuse = ["web", "slack"]\n')
    settings = load_settings(tmp_path, {"SECDESK_PORT": "9001", "SECDESK_CHANNELS": " web , teams,"})
    assert (settings.port, settings.host, settings.channels) == (9001, "0.0.0.0", ("web", "teams"))


def test_the_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "[server]\nport = 9000\n")
    settings = load_settings(None, {"SECDESK_FOLDER": str(tmp_path)})
    assert (settings.folder, settings.port) == (tmp_path, 9000)


def test_relative_paths_start_at_the_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    write(tmp_path, '[storage]\ndata = "d"\n[knowledge]\nfolder = "/srv/knowledge"\n')
    settings = load_settings(tmp_path, {})
    assert (settings.data, settings.knowledge) == (tmp_path / "d", Path("/srv/knowledge"))


def test_an_overlay_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).overlay is None
    (tmp_path / "knowledge").mkdir()
    assert load_settings(tmp_path, {}).overlay == tmp_path / "knowledge"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbf[server]\nport = 9000\n")
    assert load_settings(tmp_path, {}).port == 9000


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[server\n", "this is not valid TOML"),
        ("port = 1\n", '"port" stands outside a [section]'),
        ("[server]\nprot = 1\n", '"server.prot" is not a setting; the settings are answers.approval,'),
        ('[server]\nport = "many"\n', "server.port must be a whole number, not 'many'"),
        ("[server]\nport = 3.5\n", "server.port must be a whole number, not 3.5"),
        ("[server]\nport = true\n", "server.port must be a whole number, not True"),
        ("[server]\nhost = 7\n", "server.host must be text in quotes, not 7"),
        ("[server]\nport = 70000\n", "server.port: 70000 is not a port; use 1 to 65535"),
        ('[server]\nproxies = ["balancer"]\n', "server.proxies: 'balancer' does not appear to be"),
        ('[server]\nproxies = ["10.0.0.7/24"]\n', "server.proxies: 10.0.0.7/24 has host bits set"),
        ('[server]\nproxies = ["*"]\n', "server.proxies: '*' does not appear to be"),
        ("[server]\nworkers = 0\n", "server.workers: use at least 1"),
        ("[channels]\nuse = 5\n", "channels.use must be a list, not 5"),
        ("[channels]\nuse = [1]\n", "channels.use must be a list, not [1]"),
        (
            '[answers]\nsearch = "best"\n',
            "answers.search: use full, light, words, or the path of an ONNX model that is there",
        ),
        ('[server]\nlog_level = "loud"\n', "server.log_level: use debug, info, warning or error"),
        ('[desk]\nticket_prefix = "A1"\n', "desk.ticket_prefix: use up to ten letters, for example SEC"),
        ('[desk]\nticket_prefix = "Ärger"\n', "desk.ticket_prefix: use up to ten letters, for example SEC"),
        (
            '[storage]\ndatabase = "mysql://x"\n',
            "storage.database: use postgresql://…, sqlite:///path, or leave it empty",
        ),
        (
            '[storage]\ndatabase = "sqlite:x"\n',
            "storage.database: use postgresql://…, sqlite:///path, or leave it empty",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_said(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, toml), {})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://desk:Hunter2x@db/secdesk",
        "postgresql://desk@db/secdesk?password=Hunter2x",
        "postgres://:Hunter2x@/x",
    ],
)
def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, f'[storage]\ndatabase = "{url}"\n'), {})
    assert "holds a password; set SECDESK_DATABASE or SECDESK_DATABASE_FILE instead" in str(raised.value)
    assert "Hunter2x" not in str(raised.value)


def test_secrets_come_from_the_environment_or_a_file_and_are_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("postgresql://desk:Hunter2x@db/secdesk\n")
    from_file = load_settings(tmp_path, {"SECDESK_DATABASE_FILE": str(secret), "SECDESK_KEY": "Hunter2x"})
    assert (from_file.database, from_file.key) == ("postgresql://desk:Hunter2x@db/secdesk", "Hunter2x")
    assert "Hunter2x" not in repr(from_file)
    both = load_settings(tmp_path, {"SECDESK_DATABASE_FILE": str(secret), "SECDESK_DATABASE": "postgresql://db/x"})
    assert both.database == "postgresql://db/x"


def test_every_secret_is_left_out_of_the_representation() -> None:
    secret = {setting.name for setting in SETTINGS if setting.secret}
    assert {field.name for field in fields(Settings) if not field.repr} == secret


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), (b"\xff\xfe\x00", "it is not UTF-8 text")]
)
def test_a_secret_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_settings(tmp_path, {"SECDESK_KEY_FILE": str(path)})
    assert str(raised.value) == f"SECDESK_KEY_FILE: cannot read that file ({why})"


def test_a_secret_is_not_repeated_when_it_is_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, '[storage]\ndatabase = ["Hunter2x"]\n'), {})
    assert "storage.database must be text in quotes, not that" in str(raised.value)


def test_names_that_are_no_setting_are_kept_for_doctor(tmp_path: Path) -> None:
    env = {"SECDESK_PROT": "1", "SECDESK_KEY_FILE": "", "SECDESK_FOLDER": str(tmp_path), "OTHER": "x"}
    assert load_settings(tmp_path, env).unknown_env == ("SECDESK_PROT",)


def test_ticket_numbers_are_upper_case(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"SECDESK_TICKET_PREFIX": "desk"}).ticket_prefix == "DESK"


@pytest.mark.parametrize(
    ("host", "issuer", "channels", "chat"),
    [
        ("127.0.0.1", "", ("web",), True), ("::1", "", ("web",), True), ("localhost", "", ("web",), True),
        ("0.0.0.0", "", ("web",), False), ("192.0.2.1", "", ("web",), False),
        ("127.0.0.1", "https://login.example", ("web",), False), ("127.0.0.1", "", ("slack",), False),
    ],
)  # fmt: skip
def test_the_local_chat_is_for_loopback_without_sign_in(
    host: str, issuer: str, channels: tuple[str, ...], chat: bool
) -> None:
    assert Settings(Path(), host=host, issuer=issuer, channels=channels).local_chat is chat


def test_the_address_is_the_public_one_where_it_is_set() -> None:
    assert Settings(Path()).url == "http://127.0.0.1:8765"
    assert Settings(Path(), host="::1", port=1).url == "http://[::1]:1"
    assert Settings(Path(), public_url="https://desk.example/").url == "https://desk.example"


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = settings_table().splitlines()
    assert len(rows) == 2 + len(SETTINGS)
    assert "| `server.port` | `SECDESK_PORT` | `8765` | port to listen on |" in rows
    assert any("`SECDESK_KEY`, `SECDESK_KEY_FILE`" in row for row in rows)


def test_an_own_model_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "secdesk.toml").write_text('[answers]\nsearch = "models/ours.onnx"\n')
    with pytest.raises(ConfigError, match="that is there"):
        load_settings(tmp_path, {})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ours.onnx").touch()
    assert load_settings(tmp_path, {}).search == str((tmp_path / "models" / "ours.onnx").resolve())
