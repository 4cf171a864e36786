"""The files of `examples/cluster`: valid, of one mind, and their dashboard shows metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from ev_energy_async.metrics import EvEnergyCollector

FOLDER: Final = Path(__file__).parents[2] / "examples" / "cluster"
DASHBOARD: Final[dict[str, Any]] = json.loads((FOLDER / "grafana" / "fleet.json").read_text())
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
SUFFIXES: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
EXPORTED: Final = {metric.name + suffix for metric in EvEnergyCollector().collect() for suffix in SUFFIXES[metric.type]}


def loaded(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_each_expression_names_metrics_that_are_exported(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        names = re.findall(r"\bev_energy_\w+", target["expr"])
        assert names
        assert set(names) <= EXPORTED
        assert target["expr"].count("(") == target["expr"].count(")")


def test_the_files_are_of_one_mind() -> None:
    compose = loaded("compose.yaml")
    services: dict[str, Any] = compose["services"]
    assert services["poller"]["deploy"]["replicas"] == 3
    assert set(services["poller"]["depends_on"]) <= set(services)
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (FOLDER / source).is_file() if source.startswith("./") else source in compose["volumes"]
    built = services["poller"]["build"]
    assert (FOLDER / built["context"] / built["dockerfile"]).is_file()
    [source] = loaded("grafana/datasource.yaml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    [scraped] = loaded("prometheus.yml")["scrape_configs"]
    [[name]] = [each["names"] for each in scraped["dns_sd_configs"]]
    assert name in services
    [port] = [each["port"] for each in scraped["dns_sd_configs"]]
    settings = services["poller"]["environment"]
    assert settings["METRICS_PORT"] == str(port)
    urls = (settings["DATABASE"], settings["REDIS"], settings["EV_ENERGY_BASE_URL"], source["url"])
    assert [urlsplit(str(url)).hostname for url in urls] == ["postgres", "redis", "api", "prometheus"]
    assert {"postgres", "redis", "api", "prometheus"} <= set(services)
