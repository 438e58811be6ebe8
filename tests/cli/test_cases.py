"""The queue of cases from the command line: filters, export, why a case is where it is, and decisions."""

import csv

import pytest
from tests.cli.conftest import Tieout

PASSWORD = "correct horse battery"


def add(small: Tieout, name: str, duties: str) -> None:
    small.company().people.add_person(name, name.title(), PASSWORD, duties=tuple(filter(None, duties.split(","))))


def the_case(small: Tieout) -> str:
    (case,) = small.ask("cases")["items"]
    return case["case_id"]


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        (("--owner", "purchasing"), 1),
        (("--owner", "treasury"), 0),
        (("--severity", "critical"), 0),
        (("--age", "0-2"), 1),
        (("--age", "over-30"), 0),
        (("--assignee", "nobody"), 1),
        (("--assignee", "anna"), 0),
        (("--overdue",), 0),
        (("--spend", "UNSPSC:44"), 1),
        (("--spend", "unspsc:44-10-31-03"), 1),
        (("--spend", "UNSPSC:14"), 0),
        (("--spend", "CPV:44"), 0),
        (("--spend", "44"), 0),
        (("--text", "PRICE"), 1),
        (("--text", "%"), 1),
        (("--text", "no such thing"), 0),
        (("--sort", "due"), 1),
    ],
)
def test_the_queue_is_filtered(small: Tieout, filter: tuple[str, ...], count: int) -> None:
    assert small.ask("cases", *filter)["total"] == count


def test_it_is_written_to_files(small: Tieout) -> None:
    file = small.folder / "cases.csv"
    answer = small("cases", "--csv", str(file), "--xlsx", str(small.folder / "cases.xlsx"))
    assert answer.out.count("wrote 1 cases to") == 2
    (row,) = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    assert (row["case"], row["class"], row["owner"]) == (the_case(small), "price_variance", "purchasing")
    assert row["spend category"] == "UNSPSC:44103103", "of the order, since the invoice does not say"
    assert (small.folder / "cases.xlsx").read_bytes().startswith(b"PK")


def test_a_case_is_shown_with_its_playbook_and_its_conversation(small: Tieout) -> None:
    out = small("cases", "show", the_case(small)).out
    assert "1. Compare the price on the line with the order" in out
    assert "Case goes to purchasing" in out
    assert (
        small("cases", "show", "case-none").err == "tieout: there is no case 'case-none'; `tieout cases` lists them\n"
    )


def test_it_is_explained_which_rule_takes_a_case(small: Tieout) -> None:
    policy = small.folder / "policy.toml"
    rules = '[[routing]]\nname = "IT"\nspend_categories = ["UNSPSC:43"]\nrole = "it"\n[[routing]]\nname = "prices"\ncase_classes = ["price_variance"]\nrole = "buyers"\n'
    policy.write_text(policy.read_text() + rules)
    told = small.ask("cases", "route", the_case(small))
    assert told["rule"] == "prices"
    assert told["rules"] == [
        {"rule": "IT", "not": "its spend category is UNSPSC:44103103"},
        {"rule": "prices", "not": ""},
    ]
    assert (
        "is with purchasing" in small("cases", "route", the_case(small)).out
    )  # it was routed before the rule was there


def test_several_are_decided_and_each_has_its_answer(small: Tieout) -> None:
    add(small, "ida", "IA")
    case = the_case(small)
    answer = small("cases", "act", "assign", case, "case-none", "--to", "ida", "--as", "ida", "--json")
    assert answer.code == 1
    assert [(one["case_id"], one["done"], one["detail"]) for one in answer.json] == [
        (case, True, "The case has been assigned."),
        ("case-none", False, "there is no case 'case-none'"),
    ]
    small.work()
    assert small.ask("cases", "--assignee", "ida")["total"] == 1
    assert small("cases", "act", "accept_variance", case, "--reason", "agreed", "--as", "ida").code == 0
    small.work()
    assert small.ask("cases")["total"] == 0


def test_duties_count_here_as_on_the_pages(small: Tieout) -> None:
    add(small, "paul", "IE")
    answer = small("cases", "act", "accept_variance", the_case(small), "--reason", "x", "--as", "paul", "--json")
    assert (answer.code, answer.json[0]["code"]) == (1, "duty_missing")
    nobody = small("cases", "act", "comment", the_case(small), "--reason", "x", "--as", "nobody")
    assert nobody.err.startswith("tieout: there is no open account 'nobody'")


@pytest.mark.parametrize("action", ["confirm_bank_change", "decide_outcome"])
def test_what_takes_evidence_of_its_own_is_not_done_in_bulk(small: Tieout, action: str) -> None:
    assert small("cases", "act", action, the_case(small)).code == 2


def test_the_queue_says_who_stands_in_for_whom(small: Tieout) -> None:
    add(small, "ida", "IA")
    add(small, "rolf", "IA,PX")
    add(small, "otto", "")
    case = the_case(small)
    assert small("cases", "act", "assign", case, "--to", "ida", "--as", "ida").code == 0
    small.work()
    until = str(small.company().clock.now().date().replace(year=9998))
    away = ("cases", "away", "say", "--until", until, "--reason", "annual leave", "--as", "ida")
    refused = small(*away, "--by", "otto")
    assert (refused.code, "otto does not have IA" in refused.err) == (1, True)
    assert "Rolf stands in for Ida from " in small(*away, "--by", "rolf").out
    small.work()
    assert "rolf for ida, who is away" in " ".join(small("cases").out.split())
    assert "assigned to: rolf for ida, who is away" in small("cases", "show", case).out
    assert small.ask("cases", "--assignee", "rolf")["total"] == 1
    (one,) = small.ask("cases", "away")["said"]
    assert (one["person"], one["by"], one["until"]) == ("ida", "rolf", until)
    assert "annual leave" in small("cases", "away").out
    taken = small("cases", "away", "back", one["absence_id"], "--reason", "leave moved", "--as", "rolf")
    assert (taken.code, "IM" in taken.err) == (1, True)
    assert small("cases", "away", "back", one["absence_id"], "--reason", "leave moved", "--as", "ida").code == 0
    small.work()
    assert small.ask("cases", "away")["said"] == []
    assert "taken back by ida" in " ".join(small("cases", "away", "--all").out.split())
    assert small.ask("cases", "--assignee", "rolf")["total"] == 0
