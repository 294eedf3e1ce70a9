"""Invented comments, to see a full page before there are readers."""

from __future__ import annotations

import random

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


def invented_comment(chance: random.Random) -> str:
    """Return a believable comment of one to four paragraphs."""
    greeting = chance.choice(GREETINGS) if chance.random() < 0.2 else ""
    first = f"{chance.choice(OPENINGS)} {chance.choice(MIDDLES)}"
    more = " ".join(chance.sample(MIDDLES, chance.randint(1, 3))) if chance.random() < 0.4 else ""
    closing = chance.choice(CLOSINGS)
    return "\n\n".join(part for part in (greeting, first, more, closing) if part)
