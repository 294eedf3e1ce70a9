"""Invented comments, to see a full page before there are readers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from .operations import Addition

NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Eszter", "Fatima", "Guðrún", "Haruki", "Ines", "Jörg", "ليلى", "Zoë")
OPENINGS = (
    "Thank you for this.",
    "I came here by a link from a friend and stayed for an hour.",
    "Two things I would add.",
    "This is the clearest explanation I have found so far.",
    "I am not sure I agree.",
    "Small correction:",
    "We tried the same thing at work last spring.",
    "Reading this on the train, so forgive the typos.",
    "Wonderful photographs!",
    "A question from a beginner:",
    "Greetings from Kraków 👋",
)
# Paragraphs of their own: a right-to-left beginning would turn an English sentence after it around.
GREETINGS = (
    "Je découvre ce site aujourd'hui, merci pour le travail.",
    "Danke, das hat mir sehr geholfen.",
    "Как раз то, что я искал.",
    "شكرا على هذا المقال المفيد.",
    "とても参考になりました。",
)
MIDDLES = (
    "The second paragraph describes my own garden almost exactly, except that here the frost comes in October.",
    "Does it also work with the older model? Mine is from 2009 and the screws are in another place.",
    "The figures in the table look a little high to me; I measured about half of that, twice.",
    "What surprised me most was how long it kept running without anybody looking after it.",
    "If you warm the dough overnight the crust gets even better, at least in my small oven.",
    "My grandmother used to do it that way and nobody believed her.",
    "It took me three evenings, and the last one was only for the paint.",
    "I had given up on it until I read the part about the cable.",
    "There is a good book about it in most libraries, old but still right.",
    "The trick is to do nothing for ten minutes and then look again.",
    "Have a look at https://www.example.org/garden if you want to see how it ends.",
    "What helped was *patience*, and `make clean` before every try.",
    "> Nobody believed her.\n\nI do now.",
    "My list:\n\n- flour\n- water\n- **time**",
)
ANSWERS = (
    "That was my experience too.",
    "Really? I would have said the opposite.",
    "Thank you, that is what I was missing.",
    "Could you say a little more about that?",
    "Ha! Same here, and on the same day.",
)
CLOSINGS = (
    "Looking forward to the next part.",
    "Keep it up!",
    "Has anybody else seen this?",
    "I will report back when I have tried it.",
    "Just my two cents.",
    "All the best from the coast 🌊",
    "Thanks again.",
    "",
    "",
)


def invented_conversation(chance: random.Random, moments: Sequence[datetime]) -> list[Addition]:
    """Return a believable comment for each of `moments`, of which about a third reply to one a little before."""
    additions: list[Addition] = []
    for place, posted in enumerate(moments):
        is_reply = place > 0 and chance.random() < 0.35
        additions.append(
            Addition(
                content=chance.choice(ANSWERS) if is_reply and chance.random() < 0.5 else invented_comment(chance),
                posted=posted,
                name=chance.choice(NAMES) if chance.random() < 0.7 else None,
                mark=f"{chance.randrange(16**16):016x}",
                parent=max(0, place - chance.choice((1, 1, 1, 2, 3, 5))) if is_reply else None,
            )
        )
    return additions


def invented_comment(chance: random.Random) -> str:
    """Return a believable comment of one to four paragraphs."""
    greeting = chance.choice(GREETINGS) if chance.random() < 0.2 else ""
    middle = chance.choice(MIDDLES)
    first = f"{chance.choice(OPENINGS)}{' ' if middle[0].isalpha() and chr(10) not in middle else chr(10) * 2}{middle}"
    more = "\n\n".join(chance.sample(MIDDLES, chance.randint(1, 3))) if chance.random() < 0.4 else ""
    closing = chance.choice(CLOSINGS)
    return "\n\n".join(part for part in (greeting, first, more, closing) if part)
