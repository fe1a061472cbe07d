"""The settings accept the configurations that docs/running.md shows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import Settings
from shared_kernel.runtime.settings import WORKER

TEXT = (Path(__file__).parents[2] / "docs" / "running.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)


def variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", block, re.MULTILINE))


COMMON = next(found for kind, b in BLOCKS if (found := variables(b)).get("BUS_URL"))
UNITS = [found for kind, block in BLOCKS if "SERVICES" in (found := variables(block))]


SERVICES = [unit["SERVICES"].removesuffix(f",{WORKER}") for unit in UNITS]
"""The services with a systemd unit: a context of your own may run in any process."""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit["SERVICES"])
def test_the_environment_of_a_systemd_unit_is_accepted(unit: dict[str, str]) -> None:
    settings = Settings.from_environment({**COMMON, **unit})

    assert settings.services == set(unit["SERVICES"].split(","))


def test_the_units_run_every_service_on_a_port_of_its_own() -> None:
    assert SERVICES == ["catalog-commands", "catalog-queries", "inventory"]
    assert len({unit["PORT"] for unit in UNITS}) == len(UNITS)


def compose() -> dict[str, Any]:
    (block,) = (block for kind, block in BLOCKS if kind == "yaml")
    document: dict[str, Any] = yaml.safe_load(block)
    return document


@pytest.mark.parametrize("service", SERVICES)
def test_the_environment_of_a_compose_service_is_accepted(
    service: str,
) -> None:
    run = compose()["services"][service]

    settings = Settings.from_environment(run["environment"])

    assert settings.services - {WORKER} == {service}
    assert settings.host == "0.0.0.0"
    assert run["command" if "command" in run else "build"]


def test_the_addresses_in_the_compose_file_are_those_of_other_services() -> None:
    document = compose()
    for service in SERVICES:
        environment = document["services"][service]["environment"]
        for variable in ("CATALOG_URL", "INVENTORY_URL"):
            if variable in environment:
                host = environment[variable].split("/")[2].split(":")[0]
                assert host in document["services"]
                assert host != service
