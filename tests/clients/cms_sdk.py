"""CMS's Python SDK, unchanged. See clients.rs for what is said to whom."""

import json
import sys
import urllib.parse

from cms_bluebutton import AuthorizationToken, BlueButton


def main(base_url, client_id, client_secret, redirect_uri):
    client = BlueButton({
        "environment": "LOCAL",
        "client_id": client_id,
        "client_secret": client_secret,
        "callback_url": redirect_uri,
        "version": 2,
    })
    if client.base_url != base_url:
        client.base_url = base_url
        client.auth_base_url = client.base_url + "/v2/o/authorize"
        client.auth_token_url = client.base_url + "/v2/o/token/"

    auth_data = client.generate_auth_data()
    print(client.generate_authorize_url(auth_data), flush=True)
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sys.stdin.readline().strip()).query))

    token = client.get_authorization_token(auth_data, answer["code"], answer["state"])
    refreshed = AuthorizationToken(client.refresh_auth_token(token).get_dict())
    config = {"auth_token": refreshed, "params": {"_count": 10}, "url": ""}
    claims = client.get_explaination_of_benefit_data(config)["response"]
    pages = client.get_pages(claims.json(), config)["pages"]
    print(json.dumps({
        "patient": token.patient,
        "status": {
            "userinfo": client.get_profile_data(config)["response"].status_code,
            "Patient": client.get_patient_data(config)["response"].status_code,
            "Coverage": client.get_coverage_data(config)["response"].status_code,
            "ExplanationOfBenefit": claims.status_code,
        },
        "total": pages[0]["total"],
        "claims": sum(len(page["entry"]) for page in pages),
        "is_refreshed": refreshed.access_token != token.access_token,
        "access_token": refreshed.access_token,
        "secrets": [
            auth_data["verifier"], *(given.access_token for given in (token, refreshed)),
            *(given.refresh_token for given in (token, refreshed)),
        ],
    }), flush=True)

    sys.stdin.readline()
    print(client.get_patient_data(config)["response"].status_code, flush=True)


main(*sys.argv[1:])
