from crews.domain.written import LastWritten


def test_only_so_much_is_kept_of_what_was_written_and_for_one_write() -> None:
    kept: LastWritten[int] = LastWritten(limit=2)
    for number in range(3):
        kept.keep(f"crew_{number}", number)
    assert [kept.take(f"crew_{number}") for number in range(3)] == [None, 1, 2]
    assert kept.take("crew_2") is None
