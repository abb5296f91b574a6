"""Lists turn their pages themselves."""

import httpx2

from kasal_client import Kasal


def crews(count: int):
    def answer(request: httpx2.Request) -> httpx2.Response:
        size, start = int(request.url.params["limit"]), int(request.url.params.get("after", 0))
        items = [{"id": f"crew_{n}", "name": "Tea"} for n in range(start, min(count, start + size))]
        following = str(start + size) if start + size < count else None
        return httpx2.Response(200, json={"crews": items, "total": count, "next": following})

    return httpx2.MockTransport(answer)


def test_pages_follow_each_other_as_they_are_needed():
    with Kasal("http://there", "key", transport=crews(7)) as kasal:
        listed = kasal.crews.list(page_size=3)
        assert [crew.id for crew in listed] == [f"crew_{n}" for n in range(7)]
        assert [len(page.items) for page in listed.pages()] == [3, 3, 1]
        assert [crew.id for crew in listed.to_list(4)] == [f"crew_{n}" for n in range(4)]
        assert listed.first().id == "crew_0"
        assert listed.total() == 7
        page = listed.page()
        assert [crew.id for crew in listed.page(page.next).items] == ["crew_3", "crew_4", "crew_5"]


def test_an_empty_list_has_nothing():
    with Kasal("http://there", "key", transport=crews(0)) as kasal:
        assert list(kasal.crews.list()) == []
        assert kasal.crews.list().first() is None
