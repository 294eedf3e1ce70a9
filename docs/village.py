"""What is written on the pages that docs/screenshots.py takes pictures of: an invented village talks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

NEWEST = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Said:
    """A comment and how long before NEWEST it was posted; `to` is the place in its list of what it replies to."""

    content: str | None
    back: timedelta
    name: str | None = None
    to: int | None = None
    website: str | None = None
    is_edited: bool = False
    is_deleted: bool = False


def ago(hours: int, minutes: int = 0) -> timedelta:
    return timedelta(hours=hours, minutes=minutes)


WALK = """We are **eleven** for the walk on Sunday. Bring water and something for the rain.

- 09:30 at the mill
- 10:15 at the chapel
- 12:00 lunch, *not* before

The way is on [the map](https://www.example.org/map). If the bridge is still closed we go by the ford."""

STATION = """The weather station on the school roof has a feed now. Whoever wants the rain of the day:

```python
# Millimetres since midnight, one line a reading.
def rain_today(lines: list[str]) -> float:
    readings = (line.split(",")[1] for line in lines)
    return round(sum(map(float, readings)), 1)
```

Put it wherever you like, `rain_today` needs nothing else."""

GAUGE = """> Put it wherever you like

It hangs in the bakery window since noon. Thank you!"""

ARABIC = "شكرا على حفل الصيف الجميل، لقد استمتع الأطفال كثيرا. هل نلتقي مرة أخرى في سبتمبر؟"

TALK = (
    Said(
        "The bench by the pond is back! Thank you to whoever carried it down the hill. I sat there for an hour this "
        "afternoon and watched the swifts.",
        ago(3, 9),
        "Ines Okafor",
        website="https://www.example.org/ines",
    ),
    Said("That was Tom and me, and it is heavier than it looks.", ago(2, 51), "Jörg", 0),
    Said("Then there is cake for both of you. Tomorrow at four?", ago(2, 40), "Ines Okafor", 1),
    Said("I never say no to cake.", ago(2, 12), "Jörg", 2),
    Said("Keep a piece for me, I am on the late train 🚂", ago(1, 30), "Tom", 3),
    Said("Two, if you bring the ladder back.", ago(0, 48), "Ines Okafor", 4),
    Said("It could do with some oil before winter. I have half a tin left.", ago(0), None, 0),
    Said(STATION, ago(9, 20), "Haruki", website="https://www.example.org/haruki"),
    Said(GAUGE, ago(6, 5), "Zoë", 7, is_edited=True),
    Said(WALK, ago(27), "Bruno", is_edited=True),
    Said("Can I bring the dog?", ago(26, 12), None, 9),
    Said("Of course, on a lead by the sheep.", ago(25, 2), "Bruno", 10),
    Said(ARABIC, ago(31, 40), "ليلى"),
    Said("بكل سرور!\n\nSee you in September.", ago(30, 2), "Guðrún", 12),
    Said("I take that back.", ago(50), "Dmitri", is_deleted=True),
    Said("Everybody has such a day. The offer with the tractor stands.", ago(49, 30), "Eszter", 14),
    Said("I have far too many courgettes. Please take some; the basket stands at number 12.", ago(74, 8), "Chiara"),
    Said("Es hat mich sehr gefreut, so viele von früher wiederzusehen. Bis nächstes Jahr!", ago(98, 1), None),
)

# One comment with more replies than a page of the thread shows.
COURGETTES = (
    Said("I have far too many courgettes. Please take some; the basket stands at number 12.", ago(99), "Chiara"),
    *(
        Said(text, ago(90) - ago(1, 7) * number, name, 0 if number % 3 != 2 else number)
        for number, (text, name) in enumerate(
            (
                ("I took three. They were gone by supper.", "Tom"),
                ("Is there a recipe for the very large ones?", None),
                ("Stuffed, with rice. Mine float otherwise.", "Eszter"),
                ("The basket is empty. Was that all?", "Jörg"),
                ("It was full again this morning.", "Zoë"),
                ("It fills by itself, I am afraid.", "Chiara"),
            )
            * 11
        )
    ),
)

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
LONG_NAME = "Maximiliane Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbaubeamtin Ruiz"
ODD = (
    Said('<script>alert("no")</script> stays what was typed,\nand so do   wide   gaps.', ago(0), "x" * 80),
    Said(LONG_WORD * 2, ago(1), LONG_NAME, 0, website=f"https://www.example.org/{'w' * 200}"),
    Said(
        "```\n" + LONG_WORD * 3 + "\n```\n\n> " + LONG_WORD + "\n\nhttps://www.example.org/" + "w" * 150, ago(2), "W", 1
    ),
    Said(None, ago(3)),
    Said("شكرا جزيلا على هذا المقال.\n\nAnd in English: when is part two?", ago(4), "👩‍🚀🏳️‍🌈🇺🇦"),
    Said("👩‍🚀🏳️‍🌈🇺🇦👍🏽🥐🌊 " * 9, ago(5), "ش" * 40),
)
LONG_KEY = "/" + "w" * 499

OLD = tuple(
    Said(text, ago(number * 7), name)
    for number, (text, name) in enumerate(
        (
            ("Do you know when the bakery opens again? The notice says “soon”, and that was in May 🥐", "Fatima"),
            ("Found on the path to the chapel: one child's shoe, blue, left foot. It hangs on the gate.", None),
            ("The water was off again this morning, from six to half past eight. Is it the pump?", "Ada"),
        )
        * 45
    )
)
TYPED = "I wrote this with care, and I would be sorry to lose it.\n\nIt has two paragraphs."
CLOSING = (
    Said("Who has the key to the chapel? The choir is at the door.", ago(800), "Guðrún"),
    Said("I have, and I am on my way.", ago(799, 30), "Tom", 0),
)
