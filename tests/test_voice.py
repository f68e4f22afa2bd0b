from __future__ import annotations

import sys
import time

import pytest

from interviewer import voice
from interviewer.errors import SettingsError

HEAR = "import sys; open({path!r}, 'w').write(sys.stdin.read())"


def test_the_words_reach_the_program_on_its_standard_input(tmp_path):
    heard = tmp_path / "heard"
    speaking = voice.Voice((sys.executable, "-c", HEAR.format(path=str(heard))))
    speaking.speak("--help; what is it?")
    deadline = time.monotonic() + 10
    while not (heard.exists() and heard.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    speaking.stop()
    assert heard.read_text() == "--help; what is it?"


def test_a_new_text_cuts_the_old_one_off():
    speaking = voice.Voice((sys.executable, "-c", "import time; time.sleep(60)"))
    began = time.monotonic()
    speaking.speak("one")
    speaking.speak("two")
    speaking.stop()
    assert time.monotonic() - began < 10


def test_without_a_speech_program_one_line_says_what_to_install():
    with pytest.raises(SettingsError, match="espeak-ng"):
        voice.find(lambda name: None)


def test_the_first_program_there_is_speaks():
    found = voice.find(lambda name: "/bin/espeak-ng" if name == "espeak-ng" else None)
    assert found._command == ["/bin/espeak-ng", "--stdin"]


def test_a_program_that_cannot_run_is_one_clear_line():
    with pytest.raises(SettingsError, match="cannot speak"):
        voice.Voice(("/nonexistent/speech",)).speak("hello")
