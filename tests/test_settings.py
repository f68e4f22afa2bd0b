from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer import settings as settings_module
from interviewer.errors import SettingsError
from interviewer.settings import DEFAULT_MODEL, Settings, load, with_choice


def environ(home, **extra):
    return {"INTERVIEWER_HOME": str(home), **extra}


def test_without_anything_the_embedded_grader_grades(home):
    found = load(environ(home))
    assert not found.has_model
    assert found.grader_model is None


def test_a_key_or_a_base_url_brings_the_default_model(home):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        assert load(environ(home, **{name: "http://x"})).grader_model == DEFAULT_MODEL


def test_embedded_stays_embedded_with_a_key(home):
    found = load(environ(home, OPENAI_API_KEY="k", INTERVIEWER_GRADER="embedded"))
    assert found.grader_model is None


def test_a_named_model_grades(home):
    found = load(environ(home, OPENAI_API_KEY="k", INTERVIEWER_GRADER="big-one"))
    assert found.grader_model == "big-one"


def test_the_environment_goes_above_the_file(home):
    home.mkdir()
    (home / "config.toml").write_text('model = "filed"\ntimeout_s = 5\n')
    assert load(environ(home)).model == "filed"
    found = load(environ(home, INTERVIEWER_MODEL="given"))
    assert (found.model, found.timeout_s) == ("given", 5.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("modle = 'x'", "modle"),
        ("model = ", "config.toml"),
        ("timeout_s = 0", "seconds"),
        ("timeout_s = 'soon'", "seconds"),
        ("on_failure = 'cry'", "pending"),
        ("model = 3", "text"),
        ("api_key = 'secret'", "api_key"),
    ],
)
def test_a_wrong_setting_is_one_line_with_the_file_and_what_it_may_be(home, text, says):
    home.mkdir()
    (home / "config.toml").write_text(text)
    with pytest.raises(SettingsError, match=says) as fault:
        load(environ(home))
    assert "\n" not in str(fault.value)
    assert "secret" not in str(fault.value)


def test_a_flag_is_checked_like_a_setting(home):
    assert with_choice(Settings(home), "on_failure", "pending").on_failure == "pending"
    with pytest.raises(SettingsError, match="--on-failure"):
        with_choice(Settings(home), "on_failure", "cry")


def test_the_key_is_not_in_the_representation(home):
    assert "canary" not in repr(load(environ(home, OPENAI_API_KEY="canary")))


def test_all_data_is_inside_the_home(home):
    found = Settings(home)
    for path in (
        found.history_file,
        found.bank_folder,
        found.index_folder,
        found.cache_folder,
        found.reports_folder,
        found.config_file,
    ):
        assert path.parent == home


@given(st.text(max_size=60))
def test_any_config_file_is_read_or_refused_in_words(tmp_path_factory, text):
    home = tmp_path_factory.mktemp("home")
    (home / "config.toml").write_bytes(text.encode("utf-8", "replace"))
    with contextlib.suppress(SettingsError):
        load(environ(home))


def test_names_of_hosted_models_stand_in_one_place():
    import re
    from pathlib import Path

    package = Path(settings_module.__file__).parent
    named = re.compile(r"gpt-\d|text-embedding-\d|o[1-9]-mini|claude-|gemini-")
    found = [
        path.relative_to(package)
        for path in package.rglob("*.py")
        if named.search(path.read_text(encoding="utf-8"))
    ]
    assert [str(path) for path in found] == ["settings.py"]
