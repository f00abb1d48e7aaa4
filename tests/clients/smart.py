"""SMART App Launch's own client for Python. See clients.rs for what is said to whom."""

import json
import sys

from fhirclient import client as smart
from fhirclient.models.bundle import Bundle
from fhirclient.models.coverage import Coverage
from fhirclient.models.explanationofbenefit import ExplanationOfBenefit
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRUnauthorizedException


def main(base_url, client_id, client_secret, redirect_uri):
    client = smart.FHIRClient(settings={
        "app_id": client_id,
        "app_secret": client_secret,
        "api_base": f"{base_url}/v2/fhir/",
        "redirect_uri": redirect_uri,
        "scope": "patient/Patient.read patient/Coverage.read patient/ExplanationOfBenefit.read profile",
    })
    client.prepare()
    print(client.authorize_url, flush=True)
    client.handle_callback(sys.stdin.readline().strip())
    first = client.server.auth.access_token
    first_refresh = client.server.auth.refresh_token
    client.reauthorize()

    server = client.server
    # Its models refuse what is not valid R4.
    Patient.read(client.patient_id, server)
    coverages = Coverage.where({}).perform_resources(server)
    claims, url = [], "ExplanationOfBenefit?_count=10"
    while url:
        page = Bundle(server.request_json(url))
        claims += [entry.resource for entry in page.entry]
        assert all(isinstance(claim, ExplanationOfBenefit) for claim in claims)
        url = next((link.url for link in page.link if link.relation == "next"), None)
    print(json.dumps({
        "patient": client.patient_id,
        "status": {
            "userinfo": 200 if server.request_json(f"{base_url}/v2/connect/userinfo")["patient"] else 0,
            "Patient": 200,
            "Coverage": 200 if coverages else 0,
            "ExplanationOfBenefit": 200,
        },
        "total": page.total,
        "claims": len(claims),
        "is_refreshed": server.auth.access_token != first,
        "access_token": server.auth.access_token,
        "secrets": [first, first_refresh, server.auth.access_token, server.auth.refresh_token],
    }), flush=True)

    sys.stdin.readline()
    try:
        server.request_json("Patient")
        print(200, flush=True)
    except FHIRUnauthorizedException as error:
        print(error.response.status_code, flush=True)


main(*sys.argv[1:])
