"""Crews by the text of their task."""

import pytest


@pytest.fixture
def crew_about(make_crew):
    def make(text: str, **changes):
        crew = make_crew(**changes)
        task = crew.tasks[0].model_copy(update={"description": text})
        return crew.model_copy(update={"tasks": [task]})

    return make
