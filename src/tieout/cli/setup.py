"""Commands that set a company up."""

import json
import secrets
from pathlib import Path

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieout.cli.company import Company
from tieout.cli.output import JSON, print_json, print_table
from tieout.engine.config import MEANINGS, Config, Settings, load
from tieout.kernel.errors import ConfigError
from tieout.model.identity import supplier_id_of

_CONFIG = """\
# One company's tieout. `tieout config explain` says what every setting means.
company = {name}
database = "sqlite:///tieout.db"
policy = "policy.toml"
seal_key = "file:seal.key"

# Each system is a table: what kind it is, and what that kind needs. For example:
# [connectors.erp]
# kind = "tryton"
# url = "http://erp.example:8000"
# database = "books"
# user = "tieout"
# password = "env:ERP_PASSWORD"
# companies = {{ DE01 = "Northwind Handels GmbH" }}
"""

_POLICY = """\
# Who we are and what we tolerate. A limit is off, zero, value (percent and/or amount, both must hold) or unlimited.
[entities.DE01]
name = "Northwind Handels GmbH"
currency = "EUR"
country = "DE"
tax_ids = ["DE136695976"]  # how documents name it
# iban = "DE89370400440532013000"  # the account it pays from

[tolerances.default.price]
kind = "value"
percent = "2"

[tolerances.default.quantity_received]
kind = "zero"
"""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--name", default="My company", help="The company's name, shown on pages.")
def init(folder: Path, name: str) -> None:
    """Write a configuration, a policy, a signing key and a first account into FOLDER. Nothing there is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "tieout.toml"
    if config.exists():
        raise ConfigError(f"{config} exists already; choose another folder, or edit it")
    config.write_text(_CONFIG.format(name=json.dumps(name, ensure_ascii=False)), encoding="utf-8")
    _write_new(folder / "policy.toml", _POLICY)
    _write_new(folder / "seal.key", Ed25519PrivateKey.generate().private_bytes_raw().hex(), secret=True)
    company = Company.at(config)
    password = secrets.token_urlsafe(12)
    company.people.add_person("admin", "Administrator", password, duties=("AD",))
    click.echo(f"wrote {config}\nsign in as admin with {password} (shown once)\nnext: tieout --config {config} up")


def _write_new(file: Path, text: str, *, secret: bool = False) -> None:
    if file.exists():
        return
    file.touch(mode=0o600 if secret else 0o644)
    file.write_text(text, encoding="utf-8")


@click.group()
def config() -> None:
    """The configuration."""


@config.command()
@JSON
@click.pass_obj
def explain(config: Path, as_json: bool) -> None:
    """Say what every setting means, its value, and where the value comes from (file, environment or default).

    Of a configuration that cannot be read the defaults are shown, and what is wrong with it.
    """
    trouble = ""
    try:
        settings = load(config)
    except ConfigError as error:
        settings, trouble = Settings(Config(), config.parent, {}), str(error)
    rows = []
    for field in msgspec.structs.fields(Config):
        value = getattr(settings.config, field.name)
        shown = ", ".join(value) if field.name == "connectors" else value
        if field.name == "tie_outs":
            shown = ", ".join(pair.name for pair in value)
        rows.append((field.name, shown, settings.origins.get(field.name, "default"), MEANINGS[field.name]))
    if as_json:
        print_json([dict(zip(("setting", "value", "from", "meaning"), row, strict=True)) for row in rows])
    else:
        print_table(f"Configuration {config}", ("setting", "value", "from", "meaning"), rows)
    if trouble:
        raise ConfigError(trouble)


@click.group()
def person() -> None:
    """People, their duties, and API keys."""


@person.command("add")
@click.argument("name")
@click.option("--display", default="", help="The name shown on pages.")
@click.option("--duties", default="", help="Duties, such as IA,PP (see docs/duties.md).")
@click.option("--entities", default="*", help="Legal entities the person may see, such as DE01,GB01 (default: all).")
@click.option("--supplier", default="", help="Somebody at this supplier (its VAT number): sees only its own page.")
@click.password_option(help="The password (asked for when not given).")
@click.pass_obj
def add(config: Path, name: str, display: str, duties: str, entities: str, supplier: str, password: str) -> None:
    """Add a person who may sign in. Duties that must not meet in one hand are refused.

    \b
    tieout person add anna --duties IA,PP
    tieout person add olaf --supplier DE136695976     the supplier portal, and nothing else
    """
    company = Company.at(config)
    company.people.add_person(
        name,
        display or name,
        password,
        duties=_words(duties),
        entities=() if entities == "*" else _words(entities),
        supplier_id=supplier_id_of(supplier) if supplier else "",
    )
    click.echo(f"added {name}")


@person.command()
@click.argument("name")
@click.pass_obj
def close(config: Path, name: str) -> None:
    """Close an account: nobody can sign in with it or use its keys any more. Its name stays known.

    
    tieout person close olaf
    """
    Company.at(config).people.deactivate(name)
    click.echo(f"closed {name}")


@person.command("list")
@JSON
@click.pass_obj
def list_people(config: Path, as_json: bool) -> None:
    """List everybody who has an account, with their duties."""
    found = Company.at(config).people.everybody()
    if as_json:
        print_json(found)
        return
    print_table(
        "People",
        ("name", "shown as", "duties", "entities", "account"),
        [
            (
                one.name,
                one.display_name,
                ", ".join(one.duties),
                ", ".join(one.entities) or "all",
                "open" if one.active else "closed",
            )
            for one in found
        ],
    )


@person.command()
@click.argument("name")
@click.option("--duties", required=True, help="Some of the person's duties, such as IE,RC (see docs/duties.md).")
@click.option("--days", default=90, show_default=True, help="How long the key lasts.")
@click.pass_obj
def key(config: Path, name: str, duties: str, days: int) -> None:
    """Make an API key for a person. It is printed alone on one line, and never shown again.

    \b
    curl -H "Authorization: Bearer $(tieout person key anna --duties IE)" …
    """
    click.echo(Company.at(config).people.add_key(name, _words(duties), days=days))


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))
