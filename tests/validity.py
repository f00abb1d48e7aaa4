"""Validates resources with `fhir.resources`, whose models are made from FHIR's own definitions.

Reads from stdin a JSON array of {"version": "v1" | "v2", "resource": ...}. Prints a JSON array with an object for each
fault: the entry's index, the path without array indices, and what is wrong there.
"""

import importlib
import json
import re
import sys

from pydantic import ValidationError

PACKAGES = {"v1": "fhir.resources.STU3", "v2": "fhir.resources.R4B"}
# The models name alternatives of unions and contained resources within the path.
NOT_AN_ELEMENT = re.compile(r"^(function-|.*[\[(])")


def faults(version, resource):
    kind = resource["resourceType"]
    model = getattr(importlib.import_module(f"{PACKAGES[version]}.{kind.lower()}"), kind)
    try:
        model.model_validate(resource)
    except ValidationError as found:
        for error in found.errors(include_url=False):
            elements = [
                part
                for part in error["loc"]
                if isinstance(part, str) and not NOT_AN_ELEMENT.match(part)
            ]
            yield {"path": ".".join([kind, *elements]), "fault": error["msg"]}


def main():
    found = [
        {"index": index, **fault}
        for index, entry in enumerate(json.load(sys.stdin))
        for fault in faults(entry["version"], entry["resource"])
    ]
    json.dump(found, sys.stdout)


main()
