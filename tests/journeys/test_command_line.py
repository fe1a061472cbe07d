"""After `pip install` there is one command, `storehouse`, for everything."""

import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from urllib.request import urlopen

import click
import pytest

from tests.cluster import wait_until
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
STOREHOUSE = [sys.executable, "-c", "from app import cli; cli(prog_name='storehouse')"]
FLASKS = {"run", "shell", "routes"}


def run(
    folder: Path, command: list[str], **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def commands_in(output: str) -> set[str]:
    lines = output.partition("Commands:\n")[2].splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def test_the_script_is_installed_and_all_packages_are_typed() -> None:
    module, _, name = PROJECT["project"]["scripts"]["storehouse"].partition(":")
    assert isinstance(getattr(import_module(module), name), click.Group)

    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    packages = [each for each in included if (ROOT / each).is_dir()]
    assert packages
    assert all((ROOT / each / "py.typed").is_file() for each in packages)


@pytest.mark.server
def test_it_has_the_commands_of_flask_and_serve(tmp_path: Path) -> None:
    ours = run(tmp_path, [*STOREHOUSE, "--help"])
    flasks = run(tmp_path, [sys.executable, "-m", "flask", "--app", "app", "--help"])

    assert commands_in(ours.stdout) == commands_in(flasks.stdout) - FLASKS | {"serve"}
    assert ours.stderr == ""
    assert "--app" not in ours.stdout


@pytest.mark.server
def test_a_command_does_the_same_as_under_flask(tmp_path: Path) -> None:
    ours = run(tmp_path, [*STOREHOUSE, "status"])
    flasks = run(tmp_path, [sys.executable, "-m", "flask", "--app", "app", "status"])

    assert (ours.returncode, ours.stdout) == (flasks.returncode, flasks.stdout)
    assert "catalog" in ours.stdout


@pytest.mark.server
def test_with_an_invalid_setting_help_works_and_commands_refuse(
    tmp_path: Path,
) -> None:
    helped = run(tmp_path, [*STOREHOUSE, "--help"], PORT="none")
    refused = run(tmp_path, [*STOREHOUSE, "status"], PORT="none")

    assert helped.returncode == 0
    assert commands_in(helped.stdout) == {"serve"}
    line = "Error: PORT is 'none'; expected a whole number from 1 to 65535\n"
    assert (refused.returncode, refused.stderr) == (2, line)
    assert helped.stderr == line


@pytest.mark.server
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port)}
    with subprocess.Popen(
        [*STOREHOUSE, "serve"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as serving:
        wait_until(lambda: is_ready(port), "serving")
        serving.send_signal(signal.SIGTERM)
        output, _ = serving.communicate(timeout=20)

    assert serving.returncode == 0
    assert f"http://127.0.0.1:{port}".encode() in output


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.server
@pytest.mark.parametrize(
    ("typed", "expected"),
    [("cat", "catalog"), ("ser", "serve"), ("de", "dead-letters")],
)
def test_the_shell_completes_it(tmp_path: Path, typed: str, expected: str) -> None:
    answer = run(
        tmp_path,
        STOREHOUSE,
        COMP_WORDS=f"storehouse {typed}",
        COMP_CWORD="1",
        _STOREHOUSE_COMPLETE="bash_complete",
    )

    assert answer.stdout.splitlines() == [f"plain,{expected}"]
