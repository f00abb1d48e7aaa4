"""Compares answered claims with the rows of RIF files that they come from.

Takes the folder of CMS's reference data as its argument and reads from stdin a JSON array of
{"version": "v1" | "v2", "resource": ...}. Prints a JSON array of texts: the claim, and what of it the rows do not say.

Written from CMS's column layouts and its rules for order and repetition; it shares nothing with the API.
"""

import decimal
import json
import pathlib
import sys

import rif_files

PROFESSIONAL = ["carrier", "dme"]
LINE_AMOUNTS = [
    "LINE_NCH_PMT_AMT",
    "LINE_BENE_PMT_AMT",
    "LINE_PRVDR_PMT_AMT",
    "LINE_BENE_PTB_DDCTBL_AMT",
    "LINE_BENE_PRMRY_PYR_PD_AMT",
    "LINE_COINSRNC_AMT",
    "LINE_SBMTD_CHRG_AMT",
    "LINE_ALOWD_CHRG_AMT",
]
EVENT_AMOUNTS = ["PTNT_PAY_AMT", "OTHR_TROOP_AMT", "LICS_AMT", "PLRO_AMT", "TOT_RX_CST_AMT"]
REVENUE_AMOUNTS = ["REV_CNTR_RATE_AMT", "REV_CNTR_TOT_CHRG_AMT"]
MODIFIERS = ["HCPCS_1ST_MDFR_CD", "HCPCS_2ND_MDFR_CD", "HCPCS_3RD_MDFR_CD", "HCPCS_4TH_MDFR_CD"]
ROLES = {"AT": "attending", "OP": "operating", "OT": "otheroperating", "RNDRNG": "performing"}


def once(pairs):
    """What is there, each once, in the order in which it comes first."""
    return list(dict.fromkeys(pair for pair in pairs if pair[0]))


def families(row, *names):
    return [(row.get(code, ""), row.get(detail, "")) for code, detail in names]


def numbered(code, detail, first, last):
    return [(f"{code}{number}", f"{detail}{number}") for number in range(first, last + 1)]


def diagnoses(rows):
    """Each code of each version once, the first of several principal ones first."""
    columns = [
        ("ADMTG_DGNS_CD", "ADMTG_DGNS_VRSN_CD"),
        ("ICD_DGNS_CD1", "ICD_DGNS_VRSN_CD1"),
        ("PRNCPAL_DGNS_CD", "PRNCPAL_DGNS_VRSN_CD"),
        *numbered("ICD_DGNS_CD", "ICD_DGNS_VRSN_CD", 2, 25),
        ("ICD_DGNS_E_CD1", "ICD_DGNS_E_VRSN_CD1"),
        ("FST_DGNS_E_CD", "FST_DGNS_E_VRSN_CD"),
        *numbered("ICD_DGNS_E_CD", "ICD_DGNS_E_VRSN_CD", 2, 12),
        *numbered("RSN_VISIT_CD", "RSN_VISIT_VRSN_CD", 1, 3),
    ]
    of_lines = [families(row, ("LINE_ICD_DGNS_CD", "LINE_ICD_DGNS_VRSN_CD"))[0] for row in rows]
    return once(families(rows[0], *columns) + of_lines)


def procedures(row):
    versions = numbered("ICD_PRCDR_CD", "ICD_PRCDR_VRSN_CD", 1, 25)
    dates = dict(numbered("ICD_PRCDR_CD", "PRCDR_DT", 1, 25))
    found = {}
    for code, version in versions:
        if row.get(code):
            found.setdefault((row[code], row[version]), rif_files.day(row[dates[code]]))
    return [(code, str(date)) for (code, _), date in found.items()]


def team_of_institution(rows):
    def named(row, prefix, *ids):
        return [(row.get(f"{prefix}_PHYSN_{id}", ""), ROLES[prefix]) for id in ids]

    header = [pair for prefix in ["AT", "OP", "OT"] for pair in named(rows[0], prefix, "NPI", "UPIN")]
    lines = [pair for row in rows for pair in named(row, "RNDRNG", "UPIN", "NPI")]
    return once(header + lines)


def code_of(concept):
    return (concept or {}).get("coding", [{}])[0].get("code")


def amounts(item):
    values = [adjudication.get("amount") for adjudication in item.get("adjudication", [])]
    return [decimal.Decimal(str(value["value"])) for value in values if value]


def line_mistakes(kind, item, row):
    if kind == "pde":
        service, number, wanted = row["PROD_SRVC_ID"], 1, EVENT_AMOUNTS
    elif kind in PROFESSIONAL:
        service, number, wanted = row["HCPCS_CD"], row["LINE_NUM"], LINE_AMOUNTS
    else:
        service, number, wanted = row["HCPCS_CD"], row["CLM_LINE_NUM"], REVENUE_AMOUNTS
        if code_of(item["revenue"]) != row["REV_CNTR"]:
            yield "revenue"
    if item["sequence"] != int(number):
        yield "sequence"
    if code_of(item.get("service", item.get("productOrService"))) != (service or None):
        yield "service"
    modifiers = [row[column] for column in MODIFIERS if row.get(column)]
    if [code_of(one) for one in item.get("modifier", []) if code_of(one) in modifiers] != modifiers:
        yield "modifier"
    for column in wanted:
        if decimal.Decimal(row[column] or 0) not in amounts(item):
            yield column


def performer_mistakes(resource, item, row):
    """A line of a carrier claim names who performed it, whose specialty the team tells."""
    links = item.get("careTeamSequence", item.get("careTeamLinkId", []))
    team = [member for member in resource.get("careTeam", []) if member["sequence"] in links]
    performers = [member for member in team if member.get("responsible")]
    names = [member["provider"]["identifier"]["value"] for member in performers]
    if names != [row["PRF_PHYSN_NPI"]]:
        yield "performer"
    elif row["PRVDR_SPCLTY"] not in [coding["code"] for coding in performers[0]["qualification"]["coding"]]:
        yield "specialty"


def mistakes(version, resource, rows):
    kind, header = resource["id"].split("-")[0], rows[0]
    if resource["patient"]["reference"] != f"Patient/{header['BENE_ID']}":
        yield "patient"
    if resource["billablePeriod"]["end"] != str(rif_files.day(header[rif_files.FILES[kind][1]])):
        yield "billablePeriod"
    if kind != "pde":
        paid = decimal.Decimal(str(resource["payment"]["amount"]["value"]))
        if paid != decimal.Decimal(header["CLM_PMT_AMT"]):
            yield "payment"
    concepts = [one.get("diagnosisCodeableConcept") for one in resource.get("diagnosis", [])]
    if [code_of(concept) for concept in concepts if concept] != [code for code, _ in diagnoses(rows)]:
        yield "diagnosis"
    done = [(code_of(one["procedureCodeableConcept"]), one["date"][:10]) for one in resource.get("procedure", [])]
    if done != procedures(header):
        yield "procedure"
    if version == "v2" and kind not in [*PROFESSIONAL, "pde"]:
        team = resource.get("careTeam", [])
        members = [(one["provider"]["identifier"]["value"], code_of(one["role"])) for one in team]
        if members != team_of_institution(rows):
            yield "careTeam"
    if len(resource["item"]) != len(rows):
        yield "item"
    for item, row in zip(resource["item"], rows):
        yield from line_mistakes(kind, item, row)
        if kind == "carrier":
            yield from performer_mistakes(resource, item, row)


def main():
    claims = rif_files.claims(pathlib.Path(sys.argv[1]))
    found = []
    for entry in json.load(sys.stdin):
        version, resource = entry["version"], entry["resource"]
        kind, number = resource["id"].split("-", 1)
        of_claim = mistakes(version, resource, claims[(kind, number)])
        found.extend(f"{version} {resource['id']}: {mistake}" for mistake in of_claim)
    json.dump(found, sys.stdout)


main()
