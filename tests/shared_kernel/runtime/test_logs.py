"""What strangers send is told, and steers no terminal."""

from collections.abc import Iterator

import pytest
import structlog

from shared_kernel.runtime.logs import set_up_logs

STEERING = "a\x1b]0;mine\x07b\x9b2Jc"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["console", "json"])
def test_control_characters_are_escaped(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("INFO", form)
    log = structlog.get_logger()
    log.warning("message dropped", message=STEERING, dropped=[STEERING])
    try:
        raise ValueError(STEERING)
    except ValueError:
        log.exception("delivery failed")

    told = capsys.readouterr().err
    assert told.count("mine") >= 3
    assert {character for character in told if not character.isprintable()} == {"\n"}


def test_text_of_all_languages_is_told_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("INFO", "console")
    structlog.get_logger().warning("refused", name="Café “Lamp” 日本")

    assert "Café “Lamp” 日本" in capsys.readouterr().err
