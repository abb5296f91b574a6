"""The work both sides do: one crew of three agents and three tasks, and what the model says.

Only the standard library, since the peers' environments import it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One agent and its task."""

    role: str
    goal: str
    backstory: str
    description: str
    expected_output: str


PARTS = (
    Part(
        role="Researcher",
        goal="Find what matters about {topic}",
        backstory="Ten years in market research; trusts figures and names its sources.",
        description="Research {topic} and list the five facts a decision needs.",
        expected_output="Five facts, one line each, with a source.",
    ),
    Part(
        role="Analyst",
        goal="Say what the facts about {topic} mean",
        backstory="Turns long lists into three sentences people act on.",
        description="Weigh the facts about {topic} and name the two that decide.",
        expected_output="Two findings, each with one reason.",
    ),
    Part(
        role="Writer",
        goal="Write about {topic} so that people read to the end",
        backstory="Plain words, short sentences, nothing left to guess.",
        description="Write a short report on {topic} from the findings.",
        expected_output="A report of at most 200 words.",
    ),
)

INPUTS = {"topic": "Q4 Marketing Strategy"}

ANSWER = (
    "The market grew by 4 % while spending on search fell by 11 %; returning customers bring 62 % "
    "of the revenue, and the cheapest way to reach them is e-mail. Move a fifth of the budget."
)


def prompt(part: Part, topic: str, answers: Sequence[str]) -> str:
    """Return what `part` is asked when the parts before it gave `answers`."""
    lines = (part.role, part.goal, part.backstory, part.description, part.expected_output)
    return "\n".join((*lines, *answers)).format(topic=topic)


LATENCY = 0.3
"""Seconds that a model call takes in the concurrency bench."""
CREWAI_VERSION = "1.15.30"
CELERY_VERSION = "5.7.0"
LANGGRAPH_VERSION, LANGGRAPH_SQLITE_VERSION = "1.2.24", "3.1.2"
DBOS_VERSION = "3.4.0"
