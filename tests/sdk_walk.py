"""CMS's Python SDK, unchanged, goes from the authorize URL to paged claims.

Usage: sdk_walk.py SANDBOX_JSON USERNAME PASSWORD; prints what it saw as JSON.
"""
import html.parser
import json
import sys
import urllib.parse

import requests
from cms_bluebutton import AuthorizationToken, BlueButton


class LastForm(html.parser.HTMLParser):
    """The last form of a page: its action and its hidden fields."""

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action, self.fields = attributes.get("action", ""), {}
        if tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")


def submit(session, page, **answers):
    form = LastForm()
    form.feed(page.text)
    url = urllib.parse.urljoin(page.url, form.action or page.url)
    return session.post(url, data={**form.fields, **answers}, allow_redirects=False)


def main(sandbox_path, username, password):
    with open(sandbox_path) as file:
        sandbox = json.load(file)
    application = sandbox["applications"][0]
    client = BlueButton({
        "environment": "LOCAL",
        "client_id": application["client_id"],
        "client_secret": application["client_secret"],
        "callback_url": application["redirect_uris"][0],
        "version": 2,
    })
    if client.base_url != sandbox["base_url"]:
        client.base_url = sandbox["base_url"]
        client.auth_base_url = client.base_url + "/v2/o/authorize"
        client.auth_token_url = client.base_url + "/v2/o/token/"

    auth_data = client.generate_auth_data()
    browser = requests.Session()
    login = browser.get(client.generate_authorize_url(auth_data))
    signed_in = submit(browser, login, username=username, password=password)
    consent = browser.get(urllib.parse.urljoin(login.url, signed_in.headers["Location"]))
    callback = submit(browser, consent, share_demographic_scopes="True", allow="Connect").headers["Location"]
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(callback).query))

    token = client.get_authorization_token(auth_data, answer["code"], answer["state"])
    config = {"auth_token": token, "params": {"_count": 10}, "url": ""}
    profile = client.get_profile_data(config)
    patient = client.get_patient_data(config)
    coverage = client.get_coverage_data(config)
    claims = client.get_explaination_of_benefit_data(config)
    pages = client.get_pages(claims["response"].json(), config)["pages"]
    refreshed = client.refresh_auth_token(token)
    again = client.get_patient_data({"auth_token": AuthorizationToken(refreshed.get_dict()), "params": {}})
    print(json.dumps({
        "patient": token.patient,
        "status": [each["response"].status_code for each in (profile, patient, coverage, claims, again)],
        "pages": len(pages),
        "claims": sum(len(page["entry"]) for page in pages),
        "total": pages[0]["total"],
    }))


main(*sys.argv[1:])
