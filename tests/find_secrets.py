"""Scans files for credentials and for personal numbers; tells where each finding is, never the value.

Reads the names of files as a JSON array and prints the findings as another.
"""

import json
import re
import sys

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

# Whatever has no form of its own: the test vectors of RFCs are as random as a secret is.
WITHOUT_FORM = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector"}

# Positions 2, 5, 8 and 9 of a Medicare Beneficiary Identifier are letters without S, L, O, I, B and Z. An S in the second
# position marks a synthetic one, which is welcome.
LETTER = "[AC-HJKMNP-RT-Y]"
EITHER = "[0-9AC-HJKMNP-RT-Y]"
PERSONAL_NUMBERS = {
    "Medicare Beneficiary Identifier": re.compile(
        rf"(?<![0-9A-Za-z])[1-9]{LETTER}{EITHER}[0-9]-?{LETTER}{EITHER}[0-9]-?{LETTER}{{2}}[0-9]{{2}}(?![0-9A-Za-z])"
    ),
    "Social Security number": re.compile(
        r"(?<![0-9-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9-])"
    ),
}


def main() -> None:
    """Prints every finding as `file:line: kind`."""
    findings = []
    detectors = {kind.__name__ for kind in get_mapping_from_secret_type_to_class().values()}
    plugins = [{"name": name} for name in sorted(detectors - WITHOUT_FORM)]
    with transient_settings({"plugins_used": plugins}):
        for name in json.load(sys.stdin):
            for secret in scan_file(name):
                findings.append(f"{name}:{secret.line_number}: {secret.type}")
            with open(name, encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, start=1):
                    for kind, pattern in PERSONAL_NUMBERS.items():
                        if pattern.search(line):
                            findings.append(f"{name}:{number}: {kind}")
    json.dump(findings, sys.stdout)


main()
