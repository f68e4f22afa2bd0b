"""What a candidate means by plain speech that is no answer: “could you repeat that”.

Pure, and careful: only a short utterance that says this and nothing else counts. Everything in
doubt is an answer, because an answer is graded and a candidate can always type a command.
"""

from __future__ import annotations

import re
from enum import StrEnum

MAX_WORDS = 12
_MAX_LENGTH = 120  # characters; longer than any twelve words that match


class Meaning(StrEnum):
    """What an utterance asks for; `ANSWER` for all that is to be graded."""

    ANSWER = "answer"
    DONT_KNOW = "dont_know"
    HINT = "hint"
    REPEAT = "repeat"
    SKIP = "skip"
    PAUSE = "pause"  # also “let me think”: give time, grade nothing
    STOP = "stop"


_YOU = r"(?:(?:can|could|would|will) you (?:please |kindly |maybe )?)"
_WE = (
    r"(?:(?:let's|let us|(?:can|could|may|shall) (?:we|i)|(?:i'd|i would) (?:like|prefer) to"
    r"|i'd rather|i (?:want|need|have) to|i'll|i will|i'm going to|we can|we should) "
    r"(?:please |just |maybe )?)"
)
_IT = (
    r"(?:that|it|this|(?:the|your|that|this|the last) (?:question|one|part)"
    r"|what you (?:said|asked))"
)
_ONE = r"(?:this|that|it|(?:this|that|the) (?:one|question|topic))"
_AGAIN = r"(?:again|once more|once again|one more time|for me|another time)"
_WHILE = (
    r"(?:(?:a|one|another|five|ten|a few|a couple of) (?:short |quick )?"
    r"(?:sec|second|moment|minute|bit)s?)"
)

# Where two meanings stand side by side, the one that is listed first here is meant.
_PHRASES: dict[Meaning, tuple[str, ...]] = {
    Meaning.STOP: (
        rf"{_WE}?(?:stop|quit|exit)(?: (?:here|now|it|this))?(?: for (?:today|now))?",
        rf"{_WE}?(?:stop|end|finish|quit|leave|abort|terminate) (?:(?:the|this|our|my) )?"
        r"(?:interview|session|practice)(?: (?:here|now))?",
        rf"{_WE}(?:end|finish)(?: (?:it|this))?(?: (?:here|now))?(?: for (?:today|now))?",
        r"i'm (?:done|finished) (?:for (?:today|now)|with (?:the|this) (?:interview|session))",
        r"(?:that's|that is) enough for (?:today|now)|(?:let's )?call it a day",
    ),
    Meaning.PAUSE: (
        rf"{_WE}?pause(?: (?:here|now|this|it|(?:the|this) (?:interview|session)))?"
        rf"(?: for {_WHILE})?",
        rf"{_WE}?(?:take|have) a (?:short |quick |little )?(?:break|pause)(?: (?:here|now))?",
        rf"(?:{_YOU}?give me|i need|can i have|could i have|just)(?: just)? "
        rf"(?:{_WHILE}|a (?:short |quick |little )?break)(?: to think(?: about {_ONE})?)?",
        r"(?:one|a) (?:sec|second|moment|minute)",
        rf"(?:hold on|hang on|wait)(?: {_WHILE})?",
        rf"let me think(?: about {_ONE})?(?: for {_WHILE})?|i need (?:to think|time to think)",
    ),
    Meaning.SKIP: (
        rf"{_WE}?(?:skip|pass)(?: (?:over |on )?{_ONE})?|i pass|pass on",
        rf"{_WE}?(?:go|move|skip|jump)(?: on)?(?: ahead)? to the next (?:one|question|topic)",
        rf"{_WE}?move on(?: from {_ONE})?|{_WE}leave {_ONE}",
        r"(?:the )?next(?: (?:one|question|topic))?|can i have the next (?:one|question)",
    ),
    Meaning.HINT: (
        rf"(?:{_YOU}?(?:give|offer|tell) me |(?:can|could|may) i (?:have|get|ask for|see|take) "
        r"|i(?:'d like| would like| need| could use| want|'ll take| will take) "
        r"|(?:do|would) you have |is there |any chance of )?"
        r"(?:a |an |another |one more |some |one |the |any )?(?:small |little |tiny |quick )?"
        rf"(?:hints?|clues?|nudge)(?: (?:on|for|about|with) {_ONE})?",
        r"(?:a|some) (?:hint|clue|help) would (?:help|be (?:nice|great|good|helpful|useful))",
        rf"(?:{_YOU}?help me|i (?:need|could use) (?:some |a little |a bit of )?help)"
        rf"(?: out)?(?: (?:here|a bit|a little))?(?: with {_ONE})?",
    ),
    Meaning.REPEAT: (
        rf"{_YOU}?(?:repeat|rephrase|restate|reword|clarify)(?: {_IT})?(?: {_AGAIN})?",
        rf"{_YOU}?(?:say|read|ask)(?: me)? {_IT} {_AGAIN}|say again|come again|{_AGAIN}",
        rf"(?:can|could|may) i (?:hear|see|have) {_IT}(?: {_AGAIN})?",
        rf"what(?:'s| is| was) (?:(?:the|your|that) question|that)(?: {_AGAIN})?",
        rf"what did you (?:just )?(?:say|ask)(?: {_AGAIN})?|what do you mean(?: by that)?",
        rf"i (?:didn't|did not|don't) (?:quite )?(?:catch|hear|get|understand|follow) "
        rf"(?:{_IT}|you)",
        r"i (?:missed|forgot) (?:the|your) question|pardon(?: me)?|excuse me",
    ),
    Meaning.DONT_KNOW: (
        r"(?:no |nope )?(?:i )?(?:do not|don't|dont|wouldn't) (?:really |actually |even )?know"
        rf"(?: (?:{_ONE}|the answer(?: to {_ONE})?|(?:anything |much )?about {_ONE}"
        r"|what (?:that|this|it) (?:is|means)))?",
        r"(?:no |nope )?(?:i have |i have got |i've got |i've )?(?:absolutely |really )?no "
        r"(?:idea|clue)"
        rf"(?: (?:about|on|for) {_ONE}| what (?:that|this|it) (?:is|means))?",
        r"i (?:haven't|don't have) (?:a|any|the (?:faintest|slightest)) (?:clue|idea)"
        rf"(?: about {_ONE})?",
        r"(?:no |nope )?(?:i'm |i am )?"
        r"(?:not (?:really |quite |too |so |entirely )?(?:sure|certain)|unsure)"
        rf"(?: (?:about|of) (?:{_ONE}|the answer))?",
        r"i (?:don't|do not|can't|cannot) (?:remember|recall|answer)"
        rf"(?: (?:{_ONE}|the answer))?",
        rf"i(?:'ve| have)? (?:forgot|forgotten)(?: {_ONE})?|dunno|i dunno|idk|beats me|i give up",
        rf"i(?:'ve| have)? never heard of {_ONE}|nothing comes to mind|i couldn't (?:say|tell you)",
        r"i(?:'m| am) (?:stuck|lost|blanking|drawing a blank)|my mind is blank",
        r"i can't think of (?:anything|it|one)(?: else)?|that's all i (?:know|remember|have)",
        r"(?:i have )?nothing (?:else|more)(?: to (?:add|say))?",
    ),
}
_PATTERNS = {
    meaning: re.compile("|".join(f"(?:{phrase})" for phrase in phrases))
    for meaning, phrases in _PHRASES.items()
}
_FILLER = (
    r"(?:um+|uh+m*|er+m*|hm+|well|okay|ok|oh|ah|so|sorry|please|thanks|thank you|actually|honestly"
    r"|frankly|to be honest|i think|i guess|i'm afraid|i'm sorry|i am sorry|i apologize|apologies"
    r"|hey|hi|maybe|alright|all right|right now|for now|then|though|yet|just|now|at all"
    r"|at the moment|really|here|sir|and|but|if possible|if that's okay|if you don't mind)"
)
_LEADING = re.compile(rf"^(?:{_FILLER} )+")
_TRAILING = re.compile(rf"(?: {_FILLER})+$")
_ONLY_FILLER = re.compile(rf"{_FILLER}(?: {_FILLER})*")
_CLAUSE_END = re.compile(r"[^\w\s']+|\n| (?:and|but|so|then) ")


def meaning(text: str) -> Meaning:
    """Say what an utterance means. Every clause of it must say so, else it is an answer."""
    if len(text) > _MAX_LENGTH or len(text.split()) > MAX_WORDS:
        return Meaning.ANSWER
    text = text.lower().replace("’", "'").replace("`", "'")
    whole = _clause(_CLAUSE_END.sub(" ", text)) if "\n" not in text.strip() else ""
    # “Not sure, pass” is a way to say that one does not know.
    if found := _of_clause(whole) or _of_clause(whole.removesuffix(" pass")):
        return found
    clauses = [_clause(part) for part in _CLAUSE_END.split(text)]
    meanings = {_of_clause(part) for part in clauses if part and not _ONLY_FILLER.fullmatch(part)}
    if not meanings or None in meanings:
        return Meaning.ANSWER
    return next(meant for meant in _PATTERNS if meant in meanings)


def _clause(text: str) -> str:
    """Reduce to words, one space between them, without the fillers at both ends."""
    words = " ".join(text.split())
    return _TRAILING.sub("", _LEADING.sub("", words))


def _of_clause(clause: str) -> Meaning | None:
    return next((meant for meant, pattern in _PATTERNS.items() if pattern.fullmatch(clause)), None)
