"""Counts straight from RIF files what searches for claims must find.

Takes the folder of CMS's reference data as its argument and reads from stdin a JSON array of
{"patient": ..., "shares": true | false, "query": "type=...&service-date=..."}; `shares` says whether the person shares
claims about substance use. Prints a JSON array with the number of claims for each.

Written from CMS's column layouts and code lists, and from FHIR's rules for dates; it shares nothing with the API.
"""

import calendar
import datetime
import json
import pathlib
import re
import sys
import urllib.parse

import rif_files

EOB_TYPE = "https://bluebutton.cms.gov/resources/codesystem/eob-type"

# Columns that hold codes, with the lists in which a sensitive one stands. Of ICD codes the column of the same name with
# VRSN says which ICD: 9, 0 for 10. What a code of another or of no version means nobody knows, so it is sensitive.
DIAGNOSIS = re.compile(
    r"((?:PRNCPAL|ADMTG|LINE_ICD)_DGNS_|FST_DGNS_E_|ICD_DGNS_E_|ICD_DGNS_|RSN_VISIT_)CD(\d*)"
)
PROCEDURE = re.compile(r"(ICD_PRCDR_)CD(\d*)")
SERVICE = re.compile(r"HCPCS_CD")
DRG = re.compile(r"CLM_DRG_CD")
LISTS = {
    DIAGNOSIS: ["icd-9-diagnosis", "icd-10-diagnosis"],
    PROCEDURE: ["icd-9-procedure", "icd-10-procedure"],
    SERVICE: ["cpt"],
    DRG: ["drg"],
}
ICD_VERSIONS = ["9", "0"]


def normalised(code):
    return code.strip().upper().removeprefix("MS-DRG ").replace(".", "", 1)


def code_lists(folder):
    def codes(name):
        lines = (folder / f"{name}.txt").read_text().splitlines()
        return {normalised(line) for line in lines if line.strip()}

    return {kind: set().union(*map(codes, names)) for kind, names in LISTS.items()}


def is_sensitive(row, lists):
    for column, value in row.items():
        code = normalised(value)
        for kind, listed in lists.items():
            found = kind.fullmatch(column)
            if not found or not code:
                continue
            if code in listed:
                return True
            if kind in (DIAGNOSIS, PROCEDURE):
                version = row[f"{found[1]}VRSN_CD{found[2]}"]
                if version not in ICD_VERSIONS:
                    return True
    return False


def claims(reference):
    """The claims: whose, of which type, until when, and whether any row is sensitive."""
    lists = code_lists(reference / "codes" / "samhsa")
    for (kind, _), rows in rif_files.claims(reference).items():
        _, last_day = rif_files.FILES[kind]
        yield {
            "patient": rows[0]["BENE_ID"],
            "type": kind,
            "day": rif_files.day(rows[0][last_day]),
            # Events of Part D carry no diagnoses and no services.
            "sensitive": kind != "pde" and any(is_sensitive(row, lists) for row in rows),
        }


def days(text):
    """The first and the last day of a date that may lack its day or its month."""
    parts = [int(part) for part in text.split("-")]
    year, month, day = parts + [None] * (3 - len(parts))
    first = datetime.date(year, month or 1, day or 1)
    last_month = month or 12
    last = datetime.date(year, last_month, day or calendar.monthrange(year, last_month)[1])
    return first, last


def is_in_time(claim, bound):
    prefix, (first, last) = bound[:2], days(bound[2:])
    return {
        "ge": claim["day"] >= first,
        "gt": claim["day"] > last,
        "le": claim["day"] <= last,
        "lt": claim["day"] < first,
    }[prefix]


def is_of_type(claim, value):
    return claim["type"] in [token.removeprefix(f"{EOB_TYPE}|").lower() for token in value.split(",")]


def is_found(claim, search):
    tests = {"type": is_of_type, "service-date": is_in_time}
    parameters = urllib.parse.parse_qsl(search["query"], strict_parsing=bool(search["query"]))
    return (
        claim["patient"] == search["patient"]
        and (search["shares"] or not claim["sensitive"])
        and all(tests[name](claim, value) for name, value in parameters)
    )


def main():
    everything = list(claims(pathlib.Path(sys.argv[1])))
    found = [sum(is_found(claim, search) for claim in everything) for search in json.load(sys.stdin)]
    json.dump(found, sys.stdout)


main()
