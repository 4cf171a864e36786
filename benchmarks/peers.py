"""Derive the inputs of the peers' generators from our document, changing only what they cannot process.

    python -m benchmarks.peers DOCUMENT FOLDER      # needs PyYAML

- `openapi_python_client.json`: the document as JSON, unchanged.
- `openapi_generator.json`: without the empty `requestBody` of `GET /webhook_portal`, which its validation rejects, and
  without `webhooks`, for which it generates invalid Python (`svix_event_type: ,`); with a title for a property whose
  union it would give the name of another component: `Vehicle.trim` became `VehicleTrim`, which then decoded itself
  recursively.
- `clientele.json`: operationIds with `_` in place of characters that a name cannot have (`:submit`), which it copies.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["inputs", "main"]

_METHODS: Final = {"delete", "get", "patch", "post", "put"}


def inputs(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the input of each generator."""
    generator, clientele = copy.deepcopy(document), copy.deepcopy(document)
    for item in generator["paths"].values():
        if item.get("get", {}).get("requestBody", {}).get("content") == {}:
            del item["get"]["requestBody"]
    generator.pop("webhooks", None)
    schemas = generator["components"]["schemas"]
    for owner, schema in schemas.items():
        for name, member in schema.get("properties", {}).items():
            if "oneOf" in member and f"{owner}{name.title().replace('_', '')}" in schemas:
                member["title"] = f"{owner}{name.title().replace('_', '')}Reference"
    for item in clientele["paths"].values():
        for method in _METHODS & item.keys():
            item[method]["operationId"] = re.sub(r"\W+", "_", item[method]["operationId"])
    return {"openapi_python_client": document, "openapi_generator": generator, "clientele": clientele}


def main(source: str, folder: str) -> None:
    """Write the inputs into a folder."""
    import yaml

    kept = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    # Timestamps stay the text that they are.
    loader: Any = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": kept})
    document: Any = loader(Path(source).read_text()).get_single_data()
    for name, made in inputs(document).items():
        Path(folder, f"{name}.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
