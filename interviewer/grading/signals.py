"""Word-level signals that sentence vectors are blind to: shared words, negations, opposites.

A sentence encoder puts "faster" and "slower" almost at the same place. The lists are short, made
by hand, and know no topic.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache

SAME_CLAIM = 0.5  # share of a claim's words, from which a text is the same claim or its reverse
NOTHING_ELSE = 0.8  # share of a text's words that the claim has, where a "not" must deny the claim
DIRECTIONS = 6  # so many of the opposites, from the first, are directions and amounts

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*")
_SUFFIXES = (
    "isations", "izations", "isation", "ization", "ations", "ation", "ingly", "ities", "ness",
    "ments", "ment", "ised", "ized", "ises", "izes", "ising", "izing", "ings", "ing", "ions",
    "ion", "ies", "ity", "ers", "er", "ed", "es", "ly", "al", "s", "e", "y",
)  # fmt: skip
_STOP_TEXT = """
a an the this that these those it its it's they them their he she we you i me my your our us one
is are was were be been being am do does did done have has had having will would can could may
might must shall should get gets got of in on at by for from to into onto with as and or but so
if then than because while when where which who whom whose what why how there here also just
very really quite only even still such some any all each every both either other another same
own out up down over under about between through during before after again too more most much
many lot thing things way kind sort like that's there's they're you're i'm let's say says said
mean means use uses used using make makes made give gives given take takes taken along go goes going
come comes
"""
_STOP = frozenset(_STOP_TEXT.split())
_NEGATORS_TEXT = """
no not never none nothing nobody neither nor cannot without hardly barely n't don't doesn't
didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't hasn't haven't hadn't
ain't nowhere instead rather unlike avoid avoids avoided
"""
_NEGATORS = frozenset(_NEGATORS_TEXT.split())
_OPPOSITES = (
    "increase|rise|raise|grow|grows|higher|high|larger|large|bigger|big|more|greater|great : "
    "decrease|reduce|fall|drop|shrink|lower|low|smaller|small|less|fewer|few",
    "faster|fast|quick|quicker|speeds : slower|slow|slows",
    "cheap|cheaper : expensive|costly|dearer",
    "damp|damps|damped|dampens|attenuates|weaker|weakens : amplify|amplifies|amplified|stronger|"
    "strengthens",
    "cancel|cancels : accumulate|accumulates",
    "better|improves|improve|helps|help : worse|hurts|hurt|degrades|harms",
    "before|first|early|earlier : after|last|late|later|afterwards",
    "train|training|trained : test|testing|inference|deployment",
    "true|correct|right : false|incorrect|wrong",
    "positive|positives : negative|negatives",
    "encoder : decoder",
    "input|inputs : output|outputs",
    "forward : backward|backwards",
    "row|rows : column|columns",
    "shallow : deep|deeper",
    "local : global",
    "dense : sparse",
    "soft : hard",
    "same|shared|identical|together|jointly : different|separate|separately|independent|"
    "independently|own|private",
    "fixed|constant|frozen : learned|trainable|varying|adaptive|updated|changing",
    "always|all|every|everywhere : never|none|sometimes|some|rarely",
    "add|adds|added|sum|plus|addition : subtract|remove|removes|minus|multiply|product|concatenate",
    "maximum|max|maximize|highest|largest|best : minimum|min|minimize|lowest|smallest|worst",
    "underfit|underfitting|bias : overfit|overfitting|variance",
    "recall : precision",
    "linear : nonlinear|non-linear",
    "with : without",
    "keep|keeps|preserves|retain : discard|discards|loses|lose|throw|drops|destroys",
    "vanish|vanishes|vanishing : explode|explodes|exploding",
    "supervised|labels|labeled : unsupervised|unlabeled",
    "batch|examples|samples : channel|channels|features|layer",
    "sensitive : robust|insensitive|invariant",
    "stable : unstable",
    "narrow : wide",
    "convex : nonconvex",
    "multiple|several|many|two : single|one",
    "discrete : continuous",
    "allow|allows|enable|enables|possible : prevent|prevents|block|blocks|impossible|avoid",
    "near|close|nearer|closer : far|farther|apart|away",
    "random|randomly|stochastic : deterministic|fixed",
    "inside|within : outside|across|between",
    "frequent|common : rare",
    "easy|easier|easily : hard|harder|difficult",
)
_NUMBERS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "sixteen": "16", "hundred": "100",
    "thousand": "1000", "half": "0.5", "twice": "2", "double": "2", "doubles": "2",
}  # fmt: skip


def overlap(part: str, whole: str, ignored: Set[str] = frozenset()) -> float:
    """Return the share, 0 to 1, of the content words of `part` that `whole` has too.

    Words in `ignored` (those of the question) weigh a third.
    """
    wanted = content(part)
    if not wanted:
        return 0.0
    have = content(whole)
    weights = {word: 1 / 3 if word in ignored else 1.0 for word in wanted}
    return sum(weights[word] for word in wanted if word in have) / sum(weights.values())


def polarity(said: str, claim: str) -> int:
    """Return -1 where one text turns the other round by a negation or an opposite, else 1.

    Only a hint: it means something where the two share most of their other words.
    """
    turned = negated(said) != negated(claim)
    return -1 if turned != (conflicts(said, claim) % 2 == 1) else 1


def flipped(said: str, claim: str) -> bool:
    """Tell whether a text is the claim itself with its direction turned round.

    Strict: each has half of the other's words, and they differ by one "not" or by one opposite of
    direction or amount. Looser rules call more right replies wrong than wrong ones.
    """
    there, wanted = _subject(said), _subject(claim)
    shared = len(there & wanted)
    if not shared or shared < SAME_CLAIM * max(len(there), len(wanted)):
        return False
    against = conflicts(said, claim)
    if _denials(said) != _denials(claim):
        nothing_else = shared >= NOTHING_ELSE * len(there) and against == 0
        return nothing_else and bool(_denials(said)) and negated(said) != negated(claim)
    return against == 1 and negated(said) == negated(claim) and _turned_direction(said, claim)


def conflicts(said: str, claim: str) -> int:
    """Return how many words of the claim stand as their opposite, and only so, in what was said."""
    there, wanted = frozenset(_tokens(said)), frozenset(_tokens(claim))
    pairs = _opposites()
    found = 0
    for word in wanted - there:
        against = pairs.get(word, frozenset())
        if against & there - wanted and not _twins(word) & there:
            found += 1
    return found


def _subject(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in content_words(text))


def _turned_direction(said: str, claim: str) -> bool:
    there, wanted = frozenset(_tokens(said)), frozenset(_tokens(claim))
    for line in _OPPOSITES[:DIRECTIONS]:
        left, right = (frozenset(side.strip().split("|")) for side in line.split(" : "))
        for one, other in ((left, right), (right, left)):
            if wanted & one and there & other and not wanted & other and not there & one:
                return True
    return False


def _denials(text: str) -> int:
    """Return whether an odd number of verbs is denied."""
    return sum(t in ("not", "never", "cannot") or t.endswith("n't") for t in _tokens(text)) % 2


def numbers_differ(said: str, claim: str) -> bool:
    """Tell whether both texts name numbers and none of the claim's is among those said."""
    there, wanted = _numbers(said), _numbers(claim)
    return bool(there and wanted and not there & wanted)


def negated(text: str) -> bool:
    """Tell whether the text holds an odd number of negations."""
    return sum(token in _NEGATORS or token.endswith("n't") for token in _tokens(text)) % 2 == 1


@lru_cache(maxsize=8192)
def content(text: str) -> frozenset[str]:
    """Return the stems of the words that carry meaning."""
    return frozenset(_stem(token) for token in _tokens(text) if token not in _STOP)


@lru_cache(maxsize=8192)
def content_words(text: str) -> tuple[str, ...]:
    """Return the words that carry meaning as they were said, each once, in order."""
    told = dict.fromkeys(_tokens(text))
    return tuple(word for word in told if word not in _STOP and word not in _NEGATORS)


def function_words(text: str) -> int:
    """Return how many of the words are the small ones that make sentences of words."""
    return sum(token in _STOP or token in _NEGATORS for token in _tokens(text))


def count(text: str) -> int:
    """Return the number of words and numbers."""
    return len(_tokens(text))


@lru_cache(maxsize=8192)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(match[0].lower().replace("’", "'") for match in _TOKEN.finditer(text))


def _numbers(text: str) -> frozenset[str]:
    tokens = (_NUMBERS.get(token, token) for token in _tokens(text))
    return frozenset(token for token in tokens if token[0].isdigit())


def _stem(token: str) -> str:
    for suffix in _SUFFIXES:
        if token.endswith(suffix) and len(token) - len(suffix) >= 4:
            return token[: -len(suffix)]
    return token


@lru_cache(maxsize=1)
def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in _OPPOSITES:
        left, right = (frozenset(side.strip().split("|")) for side in line.split(" : "))
        for one, other in ((left, right), (right, left)):
            for word in one:
                found[word] = found.get(word, frozenset()) | other
    return found


@lru_cache(maxsize=1024)
def _twins(word: str) -> frozenset[str]:
    """Return the words that stand on the same side as this one."""
    sides = (
        frozenset(side.strip().split("|")) for line in _OPPOSITES for side in line.split(" : ")
    )
    return frozenset().union(*(side for side in sides if word in side))
