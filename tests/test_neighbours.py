"""What tokens mean because of their neighbours; the readings that follow are in `test_readings`."""

from avsync.neighbours import Place, currency, is_number, is_scale


def test_what_is_a_number() -> None:
    assert all(
        is_number(text) for text in ("5", "$5", "-5.", "(1,000)", "10:30", "5%", "1½", "5-10", "$5–$10")
    )
    assert not any(is_number(text) for text in ("", "a", "5km", "B2B", "½", "-", "ten"))


def test_what_amounts_before_a_scale_are_counted_in() -> None:
    assert all(is_scale(text) for text in ("million", "billion,", "thousand."))
    assert not any(is_scale(text) for text in ("", "hundred", "millions"))
    assert [currency(Place(before=text)) for text in ("$5", "(€1.5", "£3-4", "$3–$4", "$-5")] == list("$€£$$")
    assert [currency(Place(before=text)) for text in ("", "5", "$5m", "so")] == [""] * 4
