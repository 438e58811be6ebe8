"""Setting a company up, and being told in plain words what is wrong with the set-up."""

import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Answer, Tieout

from tieout.cli import COMMANDS
from tieout.cli.serve import _listen
from tieout.engine.config import MEANINGS, Config
from tieout.kernel.errors import ConfigError

Run = Callable[..., Answer]


def test_help_needs_neither_the_server_nor_the_database_library() -> None:
    code = "import sys; sys.argv = ['tieout', '--help']\nfrom tieout.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert all(name in done.stdout for name in COMMANDS)
    assert not loaded & {"litestar", "sqlalchemy", "alembic", "uvicorn", "rich", "lxml", "cryptography", "httpx2"}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("lab", "run", "bench")])
def test_every_command_says_what_it_does(run: Run, name: str) -> None:
    answer = run(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith("Usage: tieout " + name)


def test_init_writes_a_company_that_works(run: Run, tmp_path: Path) -> None:
    folder, name = tmp_path / "books", 'Müller "& Söhne" \\ Co.'
    answer = run("init", str(folder), "--name", name)
    assert answer.code == 0
    assert "sign in as admin with" in answer.out
    assert f"next: tieout --config {folder / 'tieout.toml'} up" in answer.out
    assert tomllib.loads((folder / "tieout.toml").read_text(encoding="utf-8"))["company"] == name
    assert stat.S_IMODE((folder / "seal.key").stat().st_mode) == 0o600
    company = Tieout(folder, run).company()
    assert list(company.policy.entities) == ["DE01"]
    assert company.seal_key
    assert [(person.name, person.duties, person.reach) for person in company.people.everybody()] == [
        ("admin", ("AD", "RD"), None)
    ]


def test_init_overwrites_nothing(empty: Tieout, run: Run) -> None:
    before = {file: file.read_bytes() for file in empty.folder.iterdir()}
    answer = run("init", str(empty.folder))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"tieout: {empty.config} exists already; choose another folder, or edit it\n"
    assert {file: file.read_bytes() for file in empty.folder.iterdir()} == before


# ── config ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_where_every_value_comes_from(empty: Tieout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_BATCH", "17")
    rows = {row["setting"]: row for row in empty.ask("config", "explain")}
    assert list(rows) == list(MEANINGS) == list(Config.__struct_fields__)
    told = {name: (row["value"], row["from"]) for name, row in rows.items()}
    assert told["company"] == ("My company", str(empty.config))
    assert told["batch"] == (17, "TIEOUT_BATCH")
    assert told["port"] == (8700, "default")


def test_a_wrong_value_of_the_environment_is_not_blamed_on_the_file(
    empty: Tieout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_PORT", "many")
    answer = empty("config", "explain")
    assert answer.code == 1
    assert answer.err.startswith("tieout: the environment variable TIEOUT_PORT: ")
    assert str(empty.config) not in answer.err


def test_explain_as_a_table(empty: Tieout) -> None:
    out = empty("config", "explain").out
    assert out.startswith(f"Configuration {empty.config}")
    assert all(meaning in out for meaning in MEANINGS.values())


WRONG = [
    pytest.param("port = ", "is not valid TOML", id="not TOML"),
    pytest.param('port = "many"', "Expected `int`, got `str` - at `$.port`", id="a wrong type"),
    pytest.param("prot = 8700", "unknown field `prot`", id="an unknown key"),
    pytest.param('[[tie_outs]]\nname = "x"', "missing required field `left` - at `$.tie_outs[0]`", id="in a table"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_configuration_is_named_with_file_key_and_next_step(empty: Tieout, text: str, told: str) -> None:
    empty.config.write_text(text, encoding="utf-8")
    answer = empty("status")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"tieout: {empty.config}")
    assert told in answer.err


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_explain_lists_the_settings_of_a_wrong_configuration_all_the_same(empty: Tieout, text: str, told: str) -> None:
    empty.config.write_text(text, encoding="utf-8")
    answer = empty("config", "explain")
    assert answer.code == 1
    assert told in answer.err
    assert "checkpoint_seconds" in answer.out


def test_no_configuration(run: Run, tmp_path: Path) -> None:
    answer = run("--config", str(tmp_path / "none.toml"), "cases")
    assert answer.code == 1
    assert answer.err == (
        f"tieout: there is no configuration {tmp_path / 'none.toml'}; `tieout init` writes one, `--config` names another\n"
    )


def test_no_policy(empty: Tieout) -> None:
    (empty.folder / "policy.toml").unlink()
    answer = empty("trace", "x")
    assert answer.code == 1
    assert f"there is no policy {empty.folder / 'policy.toml'}; `tieout init` writes one" in answer.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[tolerances.default.price]\nkind = "loose"', 'tolerances.default.price.kind = "loose": must be one of'),
        ("signal_age_minutes_max = 0", "signal_age_minutes_max = 0: must be at least 1"),
        ("entities = ", "not TOML"),
    ],
)
def test_a_wrong_policy_is_named_with_file_and_key(empty: Tieout, text: str, told: str) -> None:
    policy = empty.folder / "policy.toml"
    policy.write_text(text, encoding="utf-8")
    answer = empty("trace", "x")
    assert answer.code == 1
    assert answer.err.startswith(f"tieout: {policy}: ")
    assert told in answer.err
    assert "Correct it and load the policy again." in answer.err


def test_a_policy_that_is_not_text(empty: Tieout) -> None:
    (empty.folder / "policy.toml").write_bytes(b"\xff\xfe")
    answer = empty("trace", "x")
    assert (answer.code, answer.err.split(":")[0]) == (1, "tieout")
    assert f"{empty.folder / 'policy.toml'} is not UTF-8" in answer.err


def test_an_unknown_database(empty: Tieout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE", "oracle://books")
    answer = empty("status")
    assert answer.code == 1
    assert "use sqlite:///path/to/file or postgresql://user@host/database" in answer.err


def test_a_seal_key_that_is_none(empty: Tieout) -> None:
    (empty.folder / "seal.key").write_text("open sesame", encoding="utf-8")
    with pytest.raises(Exception, match="64 hexadecimal digits"):
        _ = empty.company().seal_key


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1, port {port}: .* name another with --port"):
        _listen("127.0.0.1", port)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}: .*in use"):
            _listen("127.0.0.1", port)


# ── people ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LONG = "--password=correct-horse-battery"


def test_people_and_their_keys(empty: Tieout) -> None:
    assert empty("person", "add", "anna", "--display", "Anna", "--duties", "IE, RC", LONG).out == "added anna\n"
    assert empty("person", "add", "gb", "--duties=VB", "--entities=GB01,IE01", LONG).code == 0
    found = {person["name"]: person for person in empty.ask("person", "list")}
    assert found["anna"]["duties"] == ["IE", "RC", "RD"]
    assert found["anna"]["entities"] == []
    assert found["gb"]["entities"] == ["GB01", "IE01"]
    assert "GB01, IE01" in empty("person", "list").out
    key = empty("person", "key", "anna", "--duties", "IE").out.strip()
    owner = empty.company().people.key_owner(key)
    assert owner is not None
    assert (owner.actor, owner.duties) == ("person:anna", ("IE", "RD"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("person", "add", "anna", "--duties", "PP,PX", LONG), "PP with PX: Nobody releases a payment they proposed."),
        (("person", "add", "anna", "--duties", "XX", LONG), "XX: no such duty"),
        (("person", "add", "anna", "--password=short"), "at least 12 characters"),
        (("person", "add", "admin", LONG), "there is an account admin already"),
        (("person", "key", "admin", "--duties", "PX"), "a key cannot do more than its owner"),
        (("person", "key", "nobody", "--duties", "PX"), "there is no open account nobody"),
    ],
)
def test_what_people_may_not_be_given(empty: Tieout, arguments: tuple[str, ...], told: str) -> None:
    answer = empty(*arguments)
    assert (answer.code, answer.out) == (1, "")
    assert told in answer.err


def test_a_closed_account_stays_known_and_opens_nothing(empty: Tieout) -> None:
    assert empty("person", "add", "olaf", "--duties", "RC", "--password", "a long pass phrase").code == 0
    assert empty("person", "close", "olaf").out == "closed olaf\n"
    people = {one.name: one.active for one in empty.company().people.everybody()}
    assert people["olaf"] is False
    assert "there is no account nobody" in empty("person", "close", "nobody").err
