"""What earns nothing whoever grades: silence, copied questions, talk to the grader, word lists.

Clauses are judged by their form alone; whether what remains is right is the graders' business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from interviewer.types import Ask, Thread

from . import signals, word_order
from .clauses import Span, plain, sentences

COPIED_SHARE = 0.75  # of the content words
COPIED_RUN = 6  # words in the interviewer's order; so long a run is no coincidence
SALAD_WORDS = 8  # a list shorter than this may be a terse answer
SALAD_SHARE = 0.1  # of small words; terse replies of real people stay above it

_TO_THE_GRADER = re.compile(
    r"""\b(?:ignore|disregard|forget|override|skip|stop)\b.{0,40}\b(?:instruction|rubric|
        criteri|prompt|
        guideline|grading|previous|above\b)|
    \b(?:full|maximum|top|highest|perfect|best)\s+(?:possible\s+)?(?:marks?|credits?|grades?|
        bands?|ratings?)\b|
    \b(?:full|perfect)\s+(?:scores?|points)\b|
    \b(?:give|award|assign|grant|record|return)\b.{0,40}\b(?:marks?\b|credit\b|
        points\ to\ (?:me|this)|10\s*/\s*10|
        the\ (?:full|maximum|highest|top|best)(?:\ (?:possible\ )?(?:score|mark|grade|band))?\W*$|
        (?:maximum|highest|top|best)\ (?:possible\ )?score\b)|
    \b(?:10\s*/\s*10|100\s*/\s*100|5\s*/\s*5|100\s*%\s*correct|scores?\ 100)|
    ^\W*(?:system|assistant|user|developer|grader|examiner|score|grade|verdict|feedback|rubric|
        reference\ answer|submission\ metadata|final\ grade|evaluation|result)\b[^:.]{0,40}:|
    \[/?(?:inst|sys|system|submission|metadata|end|begin)\b|<\|[^>]*\|>|</?(?:system|user|
        assistant|candidate|answer|
        instruction|grader|reply|reference|rubric|data)[^>]*>|^\W*(?:```|\{|\}|\[\s*\{)|
    "\s*:\s*(?:\d|true|false|null|"|\[|\{)|\{\{|<!--|
    \b(?:dear|note\ to(?:\ the)?|hey|attention|message\ (?:to|for)(?:\ the)?)\s+(?:grader|
        examiner|
        evaluator|marker|interviewer|ai|model|assistant|judge)\b|
    \b(?:the|a|kind|any)\s+(?:grader|examiner|evaluator|hiring\ manager|marker)\b|
    \b(?:you\ are|act\ as|pretend\ to\ be)\s+(?:now\ )?(?:an?|the)\s+(?:grader|examiner|
        evaluator|assistant|
        lenient|generous)|
    \b(?:this|my|above|the\ candidate'?s?)\s+(?:answer|reply|response|submission)\s+(?:is|was|
        deserves|should\ (?:be|get|receive)|must\ (?:be|get)|has\ (?:been|already))\b|
    \b(?:this|the)\ candidate\ (?:is|was|has|deserves|should|must|wrote|explains)\b|
    \b(?:the\ )?(?:answer|reply|response)\ above\b|
    \b(?:pre-?approved|mark\ (?:it|this|everything|all)\b.{0,20}\b(?:correct|stated|right)|
        all\ (?:points|criteria)\ (?:are\ |were\ |have\ been\ )?(?:stated|met|satisfied|covered|
        fulfilled)|
        pass\ (?:me|this)\b|decode\ this|as\ evidence\ for|need\ a\ quote|end\ of\ grading|
        the\ score\ has)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENING_ONLY = re.compile(
    r"^\W*(?:thought process|solution|answer|the answer|my answer|final answer|explanation|"
    r"reasoning|let'?s (?:solve|think|go|work)\b.*\bstep by step|"
    r"let me (?:explain|think|walk you through)\b.{0,30}|"
    r"(?:good|great|nice|interesting) question|"
    r"that'?s a (?:good|great|nice|interesting) (?:one|question)|"
    r"sure|of course|here is (?:my|the) answer|"
    r"i know (?:this|that|it)(?: one)?(?: (?:very )?well)?)\W*$",
    re.IGNORECASE,
)
_CLAIMS = re.compile(
    r"\b(?:as (?:(?:i|we)(?:'ve| have)? )?(?:already |just )?(?:said|discussed|mentioned|explained|"
    r"described|stated|covered|answered)\b|as you can see\b|"
    r"(?:like|what) i (?:just |already )?(?:said|mentioned|explained)|"
    r"i(?:'ve| have)? (?:already |just )*(?:said|covered|mentioned|explained|answered|stated|"
    r"named|listed|addressed|discussed)\b|(?:same|see) (?:as )?(?:above|before))",
    re.IGNORECASE,
)
_CLAIM_WORDS_TEXT = """
i've i'd already discussed discuss mentioned mention explained explain covered cover answered
answer stated state said point points key question criteria criterion reference reply previous
previously earlier above everything nothing completely complete fully full correct correctly
thoroughly detail details entire whole see need needed add relevant part parts aspect aspects
clearly well know believe think we've satisfied named listed addressed required asked
"""
_CLAIM_WORDS = frozenset(_CLAIM_WORDS_TEXT.split())
_EVASION = re.compile(
    r"""\b(?:i\ (?:really\ |honestly\ |just\ |actually\ )?(?:do\ not|don'?t|didn'?t|can'?t|
        cannot|couldn'?t)\ (?:really\ |
        honestly\ |even\ |quite\ )?(?:know|remember|recall|answer|tell|explain|say)\b|
    no\ (?:idea|clue)|not\ sure\ (?:what|how|about\ (?:this|that))|never\ heard|no\ answer|
    (?:doesn'?t|does\ not|not)\ ring\ (?:any|a)\ bell|beats\ me|i\ give\ up|i(?:'ll|
        \ will)?\ pass\b|
    (?:could|can|would)\ (?:you|we|i)\b.{0,25}\b(?:repeat|rephrase|explain\ (?:it|that|the)|
        say\ (?:it|that)\ again|
        hint|go\ to\ the\ next|move\ on|skip|come\ back|clarify|tell\ me)|next\ question|
        come\ back\ to\ (?:it|this|that)|
    say\ it\ again|i'?d\ (?:have\ to|need\ to|just)\ (?:look|google|check|read)|look\ (?:it|
        that|this)\ up|
    i(?:'m|\ am)\ (?:really\ |so\ |very\ )?sorry|only\ say\ nonsense|(?:my|the)\ connection|
    it\ (?:all\ |always\ |really\ )?depends(?:\ on\ the\ case|\ on\ the\ situation)?\s*$|
    what\ (?:do|would)\ you\ (?:think|say|mean)|what\ was\ the\ question)""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS = re.compile(r"\?\W*$|^\W*(?:why|what|how|when|where|which|who)\b", re.IGNORECASE)
_WANTS_A_LIST = re.compile(r"\b(?:name|list|enumerate|state|examples? of)\b", re.IGNORECASE)
_MIXED_SCRIPT = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_SPELLED_OUT = re.compile(r"(?:\b\w-){4,}\w\b")
_WORDS = re.compile(r"\w+(?:['’]\w+)*")
_SALAD = "These are words without sentences."
_SHORT_CONTENT = 3  # content words; an apology with fewer beside it says nothing else


@dataclass(frozen=True, slots=True)
class Screened:
    """A reply and its sentences that may earn credit; `dropped` are the others, each with why.

    `asked` is the turn it answers, as an index into the thread's turns.
    """

    reply: str
    kept: tuple[Span, ...]
    dropped: tuple[tuple[str, str], ...]
    asked: int


def nothing_said(thread: Thread) -> str | None:
    """Return why the thread holds nothing to grade, in one sentence, or None if it may.

    Such a thread scores 0 with every point missing, without asking a model.
    """
    if not any(character.isalnum() for character in thread.said):
        return "Nothing was said."
    screened = screen(thread)
    if any(part.kept for part in screened):
        return None
    return next(reason for part in screened for _, reason in part.dropped)


def screen(thread: Thread) -> tuple[Screened, ...]:
    """Return the replies that count, each with the sentences of it that may earn credit."""
    found: list[Screened] = []
    heard: list[str] = []
    for number, turn in enumerate(thread.turns):
        heard.append(turn.text)
        if turn.reply and turn.ask is not Ask.DEEPEN:
            found.append(_screen_reply(turn.reply, heard, number))
    return tuple(found)


def evades(text: str) -> bool:
    """Tell whether the text says that there is no answer, or asks back."""
    return bool(_EVASION.search(text))


def _screen_reply(reply: str, heard: Sequence[str], asked: int) -> Screened:
    kept: list[Span] = []
    dropped: list[tuple[str, str]] = []
    shuffled = word_order.shuffled(reply)
    spans = sentences(reply)
    lists = [span for span in spans if _is_salad(span.of(reply))]
    salad = not _WANTS_A_LIST.search(heard[0]) and _length(reply, lists) > _length(reply, spans) / 2
    for span in spans:
        text = span.of(reply)
        reason = _SALAD if shuffled else _worthless(text, heard, salad)
        if reason:
            dropped.append((text, reason))
        else:
            kept.append(span)
    return Screened(reply, tuple(kept), tuple(dropped), asked)


def _length(reply: str, spans: Sequence[Span]) -> int:
    return sum(signals.count(span.of(reply)) for span in spans)


def _worthless(text: str, heard: Sequence[str], salad: bool) -> str | None:
    """Return why a sentence cannot earn credit, None if it may."""
    if _TO_THE_GRADER.search(text) or _MIXED_SCRIPT.search(text) or _SPELLED_OUT.search(text):
        return "This speaks to the grader."
    if _OPENING_ONLY.search(text):
        return "This is only an opening."
    if _CLAIMS.search(text) and len(_content(text) - _CLAIM_WORDS) < _SHORT_CONTENT:
        return "This claims to have answered."
    if evades(text) and len(_content(_EVASION.sub(" ", text))) < _SHORT_CONTENT:
        return "This gives no answer."
    if any(_copies(text, asked, first=number == 0) for number, asked in enumerate(heard)):
        return "This repeats the question."
    if salad and _is_salad(text):
        return _SALAD
    return None


def _content(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORDS.findall(text) if signals.content(word))


def _copies(text: str, asked: str, *, first: bool) -> bool:
    """Tell whether a sentence only says again what was asked.

    It adds no content word (or is a question that adds few), and holds most of what was asked or
    repeats a run of it; so "the second" stays an answer to "the first or the second?".
    """
    words, source = signals.content(plain(text)), signals.content(asked)
    if not words or not source:
        return False
    if words <= source:
        much = len(words) / len(source) >= COPIED_SHARE
        return much or (first and " or " not in asked) or _shares_run(text, asked)
    near = len(words & source) / len(words) >= COPIED_SHARE
    return near and bool(_ASKS.search(text)) and _shares_run(text, asked)


def _shares_run(text: str, asked: str) -> bool:
    said = [word.lower() for word in _WORDS.findall(text)]
    source = " ".join(["", *(word.lower() for word in _WORDS.findall(asked)), ""])
    runs = (said[start : start + COPIED_RUN] for start in range(len(said) - COPIED_RUN + 1))
    return any(f" {' '.join(run)} " in source for run in runs)


def _is_salad(text: str) -> bool:
    words = signals.count(text)
    if words >= SALAD_WORDS and signals.function_words(text) / words <= SALAD_SHARE:
        return True
    parts = [len(part.split()) for part in re.split(r"[,;/|]", text) if part.strip()]
    return len(parts) > 3 and max(parts) < 3 and signals.function_words(text) < 2
