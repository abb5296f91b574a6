"""The check of words that lead nowhere finds them, and lets others be."""

import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    wording = importlib.import_module("wording")
    wording._anchors.cache_clear()
    monkeypatch.setattr(wording, "ROOT", tmp_path)

    def write(text):
        (tmp_path / "page.md").write_text(text)
        return list(wording._faults(Path("page.md")))

    return write


# Joined when the test runs: a line that held the whole name would be found by lint itself.
@pytest.mark.parametrize(
    ("parts", "joint"),
    [
        (("see contract", "md"), "."),
        (("`house", "md`, idea 1"), "."),
        (("The House", "Rule"), " "),
        (("the", "seed's shape"), " "),
        (("in /work", "x"), "/"),
    ],
)
def test_what_is_not_in_the_repository_is_found(page, parts, joint):
    assert page(joint.join(parts))
    assert page("".join(parts)) == []


@pytest.mark.parametrize(
    "text",
    [
        "the contract of a port",
        "a random seed",
        "{id}/work" + "/",
        "# Part\n[page](page.md#part)",
        "[web](https://x.org/a)",
    ],
)
def test_plain_words_and_good_links_are_let_be(page, text):
    assert page(text) == []


def test_a_broken_link_is_found(page):
    assert page("one\n[two](three.md)") == ["page.md:2: no file three.md"]


@pytest.fixture
def tree(tmp_path):
    for name in ("services/auth/src/auth/domain/tokens.py", "libs/common/src/common/ids.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    "named",
    [
        "services/auth/src",
        "services/<name>/src",
        "services/NAME",
        "auth/domain/tokens.py",
        "domain/tokens.py",
        "common/ids.py",
        "bench/results/NAME.json",
        "application/json",
    ],
)
def test_paths_that_lead_somewhere_are_let_be(page, named):
    assert page(f"see `{named}` for more") == []


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("named", ["services/crews", "libs/embedded/", "common/mongo.py"])
def test_a_path_to_nothing_is_found(page, named):
    assert page(f"one\nsee `{named}`") == [f"page.md:2: no path {named.rstrip('/')}"]


HEADINGS = "# The `one` page: a (true) story\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n"


@pytest.mark.parametrize(
    "link", ["#the-one-page-a-true-story", "page.md#twice", "#twice-1", "page.md", "https://a.b/#c"]
)
def test_a_link_to_a_heading_is_let_be(page, link):
    assert page(f"{HEADINGS}\n[see]({link})\n") == []


@pytest.mark.parametrize("link", ["#gone", "page.md#twice-2", "#no-heading", "gone.md#twice"])
def test_a_link_to_no_heading_is_found(page, link):
    (fault,) = page(f"{HEADINGS}\n[see]({link})\n")
    assert "no file" in fault
