"""Reads CMS's larger sample of RIF files, for scripts that say what the API must answer and share nothing with it."""

import csv
import datetime

# The files: which column numbers the claim, and which says the last day of service.
FILES = {
    "carrier": ("CLM_ID", "CLM_THRU_DT"),
    "dme": ("CLM_ID", "CLM_THRU_DT"),
    "hha": ("CLM_ID", "CLM_THRU_DT"),
    "hospice": ("CLM_ID", "CLM_THRU_DT"),
    "inpatient": ("CLM_ID", "CLM_THRU_DT"),
    "outpatient": ("CLM_ID", "CLM_THRU_DT"),
    "pde": ("PDE_ID", "SRVC_DT"),
    "snf": ("CLM_ID", "CLM_THRU_DT"),
}


def claims(reference):
    """The rows of each claim, a dict of columns each, by the type and the number of the claim."""
    found = {}
    for kind, (number, _) in FILES.items():
        path = reference / "rif" / "synthea" / f"{kind}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
            header = next(rows)
            for values in rows:
                # A row may end with one more separator, which zip leaves out.
                row = {column: value.strip() for column, value in zip(header, values)}
                found.setdefault((kind, row[number]), []).append(row)
    return found


def day(text):
    return datetime.datetime.strptime(text, "%d-%b-%Y").date()
