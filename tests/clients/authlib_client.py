"""Authlib with requests. See clients.rs for what is said to whom."""

import json
import os
import sys

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def main(base_url, client_id, client_secret, redirect_uri):
    session = OAuth2Session(
        client_id,
        client_secret,
        redirect_uri=redirect_uri,
        scope="patient/Patient.rs patient/Coverage.rs patient/ExplanationOfBenefit.rs profile",
        code_challenge_method="S256",
    )
    verifier = generate_token(48)
    url, state = session.create_authorization_url(f"{base_url}/v2/o/authorize", code_verifier=verifier)
    print(url, flush=True)
    callback = sys.stdin.readline().strip()

    endpoint = f"{base_url}/v2/o/token"
    first = session.fetch_token(endpoint, authorization_response=callback, state=state, code_verifier=verifier)
    tokens = session.refresh_token(endpoint, refresh_token=first["refresh_token"])
    pages, url = [], f"{base_url}/v2/fhir/ExplanationOfBenefit?_count=10"
    while url:
        pages.append(session.get(url).json())
        url = next((link["url"] for link in pages[-1]["link"] if link["relation"] == "next"), None)
    status = {
        name: session.get(f"{base_url}/v2/{path}").status_code
        for name, path in [
            ("userinfo", "connect/userinfo"),
            ("Patient", "fhir/Patient"),
            ("Coverage", "fhir/Coverage"),
            ("ExplanationOfBenefit", "fhir/ExplanationOfBenefit"),
        ]
    }
    print(json.dumps({
        "patient": first["patient"],
        "status": status,
        "total": pages[0]["total"],
        "claims": sum(len(page["entry"]) for page in pages),
        "is_refreshed": tokens["access_token"] != first["access_token"],
        "access_token": tokens["access_token"],
        "secrets": [verifier, *(given[kind] for given in (first, tokens) for kind in ("access_token", "refresh_token"))],
    }), flush=True)

    sys.stdin.readline()
    print(session.get(f"{base_url}/v2/fhir/Patient").status_code, flush=True)


main(*sys.argv[1:])
