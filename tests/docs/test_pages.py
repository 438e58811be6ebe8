"""What the pages say is there is there: links, headings, commands, options, settings."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import click
import msgspec
import pytest
from docs.generate import FAMILIES, POLICY_MEANINGS, SENT, effects_page, page
from docs.generate import PAGES as GENERATED
from tests.docs import pages, samples

from tieout.cli import COMMANDS, group
from tieout.cli.look import _STATUSES
from tieout.connectors import KINDS
from tieout.engine.config import MEANINGS, Config
from tieout.formats.convert import WRITERS
from tieout.formats.detect import FORMATS
from tieout.model.facts import FACTS

# ── generated pages ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_what_its_source_says(name: str) -> None:
    file = pages.DOCS / name
    written = pages.text(file) if file.is_file() else ""
    assert written == page(name), "write it anew: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("kind", POLICY_MEANINGS, ids=lambda kind: kind.__name__)
def test_every_key_of_the_policy_is_explained(kind: type[msgspec.Struct]) -> None:
    assert list(POLICY_MEANINGS[kind]) == list(kind.__struct_fields__)


def test_every_setting_is_explained() -> None:
    text = page("configuration.md")
    assert list(MEANINGS) == list(Config.__struct_fields__)
    assert [name for name in MEANINGS if f"| `{name}` | {MEANINGS[name]} |" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_connector_has_a_page_that_shows_its_table(kind: str) -> None:
    readme = pages.ROOT / "src" / Path(*KINDS[kind].split(".")) / "README.md"
    assert f'kind = "{kind}"' in pages.text(readme)
    assert f"{kind}/README.md" in page("configuration.md")


def test_every_command_fact_and_status_has_its_entry() -> None:
    cli, facts, effects = page("cli.md"), page("facts.md"), "\n".join(effects_page())
    assert [name for name in COMMANDS if f"## `tieout {name}`" not in cli] == []
    assert [name for name in FACTS if facts.count(f"| `{name}` |") != 1] == []
    assert [name for name in _STATUSES if name != "person" and f"| `{name}` |" not in effects] == []


def test_every_format_has_its_entry_and_every_family_its_words() -> None:
    text = page("formats.md")
    assert set(FAMILIES) == {one.family for one in FORMATS.values()}
    assert [name for name, one in FORMATS.items() if f"| `{name}` | {one.title} |" not in text] == []
    assert [name for name, one in WRITERS.items() if f"| `{name}` | {one.title} |" not in text] == []
    assert set(SENT) <= set(WRITERS)


@pytest.mark.parametrize("name", samples.files())
def test_the_documents_of_the_first_hour_are_what_our_writers_write(name: str) -> None:
    assert (samples.FOLDER / name).read_bytes() == samples.files()[name], "run: .venv/bin/python -m tests.docs.samples"


# ── links ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_links_lead_somewhere(file: Path) -> None:
    astray = []
    for link in pages.links(file):
        address, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = (file.parent / address).resolve() if address else file
        if not target.exists() or (anchor and anchor not in pages.anchors(target)):
            astray.append(link)
    assert astray == []


def test_the_readme_fits_on_a_few_screens_and_leads_to_every_page() -> None:
    readme = pages.ROOT / "README.md"
    assert len(pages.text(readme).splitlines()) <= 150
    linked = {(pages.ROOT / link.partition("#")[0]).resolve() for link in pages.links(readme)}
    missing = {pages.name(file) for file in pages.DOCS.glob("*.md")} - {
        pages.name(file) for file in linked if file.is_relative_to(pages.ROOT)
    }
    assert missing == set()


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_pages_have_one_title_and_headings_that_go_down_step_by_step(file: Path) -> None:
    levels = [len(match) for match in re.findall(r"^(#+) ", pages.prose(file), re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


#: Where the names of our modules begin.
_ROOTS = ("", "src", "src/tieout", "lab", "lab/tieout_lab", "bench", "bench/tieout_bench")


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_modules_that_are_named_are_there(file: Path) -> None:
    named = [one for one in pages.inline(file) if re.fullmatch(r"[\w./-]+/[\w-]+\.py", one)]
    assert [one for one in named if not any((pages.ROOT / root / one).is_file() for root in _ROOTS)] == []


# ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────────

_CALL = re.compile(r"(?:^|\$\(|&& |\| )(?:\.venv/bin/)?tieout ([^|)>&]*)")


def wrong(words: list[str], *, whole: bool) -> str:
    """What is wrong with the words after ``tieout``; nothing if they are a command (``whole``: that could run)."""
    command: click.Command = group
    context = click.Context(group, info_name="tieout", **group.context_settings)
    try:
        while True:
            parser = command.make_parser(context)
            parser.allow_interspersed_args = not isinstance(command, click.Group)
            given, rest, _ = parser.parse_args(list(words))
            if not isinstance(command, click.Group):
                break
            if not rest:
                alone = command is group or command.invoke_without_command
                return "" if alone or not whole else "a command is missing"
            below = command.get_command(context, rest[0])
            if below is None:
                return f"there is no command {rest[0]}"
            context = click.Context(below, info_name=rest[0], parent=context, **below.context_settings)
            command, words = below, rest[1:]
    except click.UsageError as error:
        is_mention = not whole and "requires an argument" in error.format_message()
        return "" if is_mention else error.format_message()
    missing = [one.name for one in command.params if one.required and not _is_given(given.get(one.name or ""))]
    if rest and not command.ignore_unknown_options:
        return f"too much: {rest}"
    return f"missing: {missing}" if whole and missing else ""


def _is_given(value: object) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, tuple | list) and any(map(_is_given, value)))


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_commands_in_blocks_could_run(file: Path) -> None:
    calls = [call for command, _ in pages.console(file) for call in _CALL.findall(command)]
    found = {call: wrong(shlex.split(call, comments=True), whole=True) for call in calls}
    assert {call: what for call, what in found.items() if what} == {}


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_commands_in_sentences_exist(file: Path) -> None:
    calls = [code.removeprefix("tieout ") for code in pages.inline(file) if code.startswith("tieout ")]
    found = {call: wrong([word for word in shlex.split(call) if word != "…"], whole=False) for call in calls}
    assert {call: what for call, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("receive", "missing: ['files']"),
        ("vanish", "there is no command vanish"),
        ("person grow", "there is no command grow"),
        ("person", "a command is missing"),
        ("cases --overdue", ""),
        ("cases vanish", "there is no command vanish"),
        ("status --loud", "No such option '--loud'."),
        ("status now", "too much: ['now']"),
        ("hold eff-1", "missing: ['reason']"),
        ("--config a.toml up --port 1", ""),
        ("lab faults bank", ""),
    ],
)
def test_this_test_sees_wrong_commands(call: str, what: str) -> None:
    assert wrong(shlex.split(call), whole=True) == what


@pytest.mark.parametrize("file", pages.PAGES, ids=pages.name)
def test_make_targets_exist(file: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", pages.text(pages.ROOT / "Makefile"), re.MULTILINE))
    named = {match[1] for code in pages.inline(file) if (match := re.match(r"make ([a-z]+)\b", code))}
    assert named <= targets
