"""Logs show foreign text, but escape its terminal control characters."""

from collections.abc import Iterator

import pytest
import structlog

from shared_kernel.runtime.logs import set_up_logs

CONTROL_SEQUENCES = "a\x1b]0;mine\x07b\x9b2Jc"


@pytest.fixture(autouse=True)
def _unchanged_configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["console", "json"])
def test_control_characters_are_escaped(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("INFO", form)
    log = structlog.get_logger()
    log.warning(
        "message dropped", message=CONTROL_SEQUENCES, dropped=[CONTROL_SEQUENCES]
    )
    try:
        raise ValueError(CONTROL_SEQUENCES)
    except ValueError:
        log.exception("delivery failed")

    output = capsys.readouterr().err
    assert output.count("mine") >= 3
    assert {character for character in output if not character.isprintable()} == {"\n"}


def test_text_in_any_language_is_logged_unchanged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("INFO", "console")
    structlog.get_logger().warning("refused", name="Café “Lamp” 日本")

    assert "Café “Lamp” 日本" in capsys.readouterr().err
