import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.terminal.meaning import Meaning, meaning

SAID = {
    Meaning.REPEAT: [
        "could you repeat that",
        "Can you please repeat the question?",
        "say that again please",
        "Sorry, what was the question?",
        "sorry what was the question",
        "I didn't catch that.",
        "I didn’t quite get the question, could you rephrase it?",
        "What did you say?",
        "Pardon?",
        "One more time, please",
        "repeat",
        "what do you mean by that?",
        "um, sorry, could you say that again?",
    ],
    Meaning.DONT_KNOW: [
        "I don't know",
        "i dont know",
        "I do not know.",
        "No idea.",
        "no idea, sorry",
        "not sure, pass",
        "I have no clue about this one",
        "Hmm, honestly I'm not sure.",
        "I don't really know the answer to this question.",
        "No, I don't know.",
        "idk",
        "I can't remember that",
        "I've never heard of it.",
        "I'm drawing a blank",
        "Nothing comes to mind, sorry",
        "That's all I know.",
        "I'm not sure. I don't remember.",
    ],
    Meaning.HINT: [
        "can I have a hint",
        "Could you give me a small hint, please?",
        "give me a hint please",
        "hint",
        "a hint would help",
        "I need some help here",
        "I don't know, can I have a hint?",
        "Do you have a clue for this one?",
    ],
    Meaning.SKIP: [
        "let's skip this",
        "Let’s skip this one.",
        "next question please",
        "pass",
        "I'll pass on this one",
        "Can we move on to the next question?",
        "skip",
        "I don't know, let's move on",
        "okay, next",
    ],
    Meaning.STOP: [
        "let's stop here",
        "I want to end the interview",
        "Can we stop the interview now, please?",
        "quit",
        "I'm done for today.",
        "I don't know. Let's end the interview here.",
        "That's enough for today",
    ],
    Meaning.PAUSE: [
        "pause",
        "can we pause for a minute?",
        "give me a second",
        "One moment, please.",
        "Let me think about it for a moment",
        "I need a short break",
        "hold on",
        "let's take a break",
    ],
    Meaning.ANSWER: [
        "",
        "   \n ",
        "...",
        "sorry",
        "yes",
        "no",
        "Okay, so",
        "I don't know the exact number but the mean is over the batch",
        "I'm not sure, but I think it is the variance",
        "I don't know whether gamma is learned",
        "skip connections help gradients",
        "It skips",
        "skip-gram",
        "dropout stops co-adaptation",
        "stop gradient",
        "early stopping",
        "pass the gradient through",
        "the forward pass",
        "next token",
        "next token prediction",
        "A hint loss from the teacher",
        "the hint layer",
        "It repeats the weights",
        "repeat the input along the batch axis",
        "help the gradient flow",
        "It is a pause token",
        "no idea is perfect, but normalization helps",
        "Yes. Next question please.",
        "dropout - I don't know",
        "gradient clipping\n\nnot sure",
        "you stop training when the validation loss rises",
        "exit the local minimum",
        "it gives up",
        "what is the question about is the receptive field",
        "Say the question vector attends to the keys again",
    ],
}


@pytest.mark.parametrize(
    ("text", "meant"), [(text, meant) for meant, texts in SAID.items() for text in texts]
)
def test_plain_speech_is_understood_and_answers_are_left_alone(text: str, meant: Meaning) -> None:
    assert meaning(text) is meant


@given(
    st.lists(
        st.sampled_from(["i", "don't", "know", "skip", "pass", "hint", "please", "stop"]),
        min_size=26,
    )
)
def test_more_than_twenty_five_words_are_an_answer(words: list[str]) -> None:
    assert meaning(" ".join(words)) is Meaning.ANSWER


@given(st.text())
def test_any_text_has_a_meaning(text: str) -> None:
    assert meaning(text) in Meaning


@pytest.mark.parametrize("meant", [meant for meant in Meaning if meant is not Meaning.ANSWER])
def test_a_claim_beside_a_wish_makes_it_an_answer(meant: Meaning) -> None:
    for text in SAID[meant]:
        assert meaning(f"{text.rstrip('.?')}. The batch mean is used") is Meaning.ANSWER
