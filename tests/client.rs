//! A client as an app and a browser are one: it signs in through the pages and reads over HTTP, knowing nothing of
//! the code behind them.

use std::collections::BTreeMap;
use std::env;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;
use url::Url;

use crate::{ledger, script};

/// The running sandbox, as `sandbox.json` describes it.
pub(crate) struct Sandbox {
    pub(crate) base_url: String,
    description: Value,
}

/// One of the sandbox's applications.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) redirect_uri: String,
}

/// A person who signs in.
///
/// A new approval ends earlier tokens of the same person and application, so each test has a person of its own.
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) patient: String,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A browser: it keeps cookies and follows no redirect by itself.
pub(crate) struct Browser(Agent);

/// What an app made for one authorization.
pub(crate) struct AuthorizationRequest {
    pub(crate) state: String,
    pub(crate) code_verifier: String,
    pub(crate) code_challenge: String,
}

impl Sandbox {
    /// The sandbox that `BLUEBUTTON_SANDBOX` names; `None`, and a line that says so, where none runs.
    pub(crate) fn running() -> Option<Self> {
        let path = script::needed("BLUEBUTTON_SANDBOX")?;
        let text = fs::read_to_string(path).expect("BLUEBUTTON_SANDBOX names a readable file");
        let description: Value = serde_json::from_str(&text).expect("sandbox.json is JSON");
        let base_url = description["base_url"]
            .as_str()
            .expect("sandbox.json has a base_url")
            .to_owned();
        Some(Self {
            base_url,
            description,
        })
    }

    /// Whether a REST API of the API Gateway stands in front, which hands bodies over as text.
    pub(crate) fn is_behind_a_rest_api(&self) -> bool {
        self.description["gateway"] == "REST API"
    }

    pub(crate) fn application(&self, index: usize) -> Application {
        let application = &self.description["applications"][index];
        let text = |value: &Value| value.as_str().expect("sandbox.json is complete").to_owned();
        Application {
            client_id: text(&application["client_id"]),
            client_secret: text(&application["client_secret"]),
            redirect_uri: text(&application["redirect_uris"][0]),
        }
    }

    /// The first application of that name.
    pub(crate) fn application_named(&self, name: &str) -> Application {
        let applications = self.description["applications"].as_array();
        let names = applications.into_iter().flatten();
        let index = names
            .map(|known| known["name"].as_str())
            .position(|known| known == Some(name));
        self.application(index.expect("the sandbox has an application of that name"))
    }

    /// A ready sign-in.
    pub(crate) fn sign_in(&self, index: usize) -> Person {
        let sign_in = &self.description["sign_ins"][index];
        let text = |name: &str| {
            sign_in[name]
                .as_str()
                .expect("sandbox.json is complete")
                .to_owned()
        };
        Person {
            username: text("username"),
            password: text("password"),
            patient: text("patient"),
        }
    }

    /// The authorize URL of the API version (1, 2 or 3), without a trailing slash, as CMS's SDKs spell it.
    pub(crate) fn authorize_url(
        &self,
        version: u8,
        application: &Application,
        request: &AuthorizationRequest,
        scope: Option<&str>,
    ) -> Url {
        let mut url = Url::parse(&format!("{}/v{version}/o/authorize", self.base_url))
            .expect("base_url is a URL");
        url.query_pairs_mut()
            .append_pair("client_id", &application.client_id)
            .append_pair("redirect_uri", &application.redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("state", &request.state)
            .append_pair("code_challenge", &request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(scope) = scope {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        url
    }

    /// Signs in, consents and exchanges the code with the first application: the whole path of an app.
    pub(crate) fn tokens(&self, person: &Person, scope: Option<&str>) -> Value {
        self.tokens_after(person, scope, Consent::connect())
    }

    /// The same with that answer on the consent page.
    pub(crate) fn tokens_after(
        &self,
        person: &Person,
        scope: Option<&str>,
        consent: Consent,
    ) -> Value {
        self.exchange(&self.application(0), person, scope, consent)
    }

    /// An access token for everything of that person, for the application of that index.
    pub(crate) fn access_token_for(&self, application: usize, person: &Person) -> String {
        let application = self.application(application);
        let tokens = self.exchange(&application, person, None, Consent::connect());
        tokens["access_token"]
            .as_str()
            .expect("access_token is text")
            .to_owned()
    }

    /// The token response after sign-in, that answer on the consent page and the exchange of the code.
    pub(crate) fn exchange(
        &self,
        application: &Application,
        person: &Person,
        scope: Option<&str>,
        consent: Consent,
    ) -> Value {
        let request = AuthorizationRequest::new();
        let callback = self.callback(person, application, &request, scope, consent);
        let code = parameter(&callback, "code").expect("the redirect carries a code");
        let answer = self.token(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &application.redirect_uri),
            ("code_verifier", &request.code_verifier),
            ("client_id", &application.client_id),
            ("client_secret", &application.client_secret),
        ]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let tokens = answer.json();
        assert_eq!(tokens["patient"], person.patient.as_str());
        tokens
    }

    /// Where the browser is sent after sign-in and consent.
    pub(crate) fn callback(
        &self,
        person: &Person,
        application: &Application,
        request: &AuthorizationRequest,
        scope: Option<&str>,
        consent: Consent,
    ) -> Url {
        let browser = Browser::new();
        let page = browser.sign_in(&self.authorize_url(2, application, request, scope), person);
        browser.answer_consent(&page, consent)
    }

    /// An access token for everything of that person.
    pub(crate) fn access_token(&self, person: &Person) -> String {
        self.access_token_for(0, person)
    }

    /// A request of the token endpoint with these form fields.
    pub(crate) fn token(&self, form: &[(&str, &str)]) -> Answer {
        Browser::new().post(&format!("{}/v2/o/token/", self.base_url), form)
    }

    /// Reads a path with an access token.
    pub(crate) fn get(&self, path: &str, access_token: &str) -> Answer {
        Browser::new().get_with(
            &format!("{}{path}", self.base_url),
            &[("Authorization", &format!("Bearer {access_token}"))],
        )
    }
}

impl Person {
    /// The preview's sample person: 25 carrier claims with 110 lines, 2 inpatient claims with 25, 5 drug events.
    pub(crate) fn jane() -> Self {
        Self {
            username: "BBUser29999".into(),
            password: "PW29999!".into(),
            patient: "20140000008325".into(),
        }
    }

    /// One of the synthetic people by number.
    pub(crate) fn synthetic(number: u64) -> Self {
        Self {
            username: format!("BBUser{number:05}"),
            password: format!("PW{number:05}!"),
            patient: format!("-{}", 20_140_000_000_001 + number),
        }
    }

    /// A person by patient id, which the sandbox takes as a user name.
    pub(crate) fn with_patient_id(patient: &str) -> Self {
        Self {
            username: patient.into(),
            password: format!("PW{patient}!"),
            patient: patient.into(),
        }
    }
}

impl AuthorizationRequest {
    pub(crate) fn new() -> Self {
        let code_verifier = URL_SAFE_NO_PAD.encode(random::<32>());
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, code_verifier.as_bytes());
        ledger::note(&code_verifier);
        Self {
            state: URL_SAFE_NO_PAD.encode(random::<16>()),
            code_challenge: URL_SAFE_NO_PAD.encode(digest.as_ref()),
            code_verifier,
        }
    }
}

/// What the person answers on the consent page.
pub(crate) struct Consent {
    pub(crate) allow: bool,
    pub(crate) share_demographic_scopes: bool,
    pub(crate) share_samhsa_data: bool,
}

impl Consent {
    /// As the page stands when it opens.
    pub(crate) fn connect() -> Self {
        Self {
            allow: true,
            share_demographic_scopes: true,
            share_samhsa_data: false,
        }
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self(
            Agent::config_builder()
                .max_redirects(0)
                .http_status_as_error(false)
                .build()
                .into(),
        )
    }

    pub(crate) fn get(&self, url: &str) -> Answer {
        self.get_with(url, &[])
    }

    pub(crate) fn delete_with(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.0.delete(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.call().expect("the API answers"))
    }

    pub(crate) fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.0.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.call().expect("the API answers"))
    }

    pub(crate) fn post(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        Answer::read(
            self.0
                .post(url)
                .send_form(form.iter().copied())
                .expect("the API answers"),
        )
    }

    /// A request of any method, with a body unless it is empty.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        let agent = self
            .0
            .configure_request(request)
            .allow_non_standard_methods(true)
            .build();
        Answer::read(self.0.run(agent).expect("the API answers"))
    }

    /// Opens the authorize URL, signs in, and gives the consent page with its URL.
    pub(crate) fn sign_in(&self, authorize_url: &Url, person: &Person) -> (Url, String) {
        let (url, page) = self.follow(authorize_url.clone());
        let mut fields = hidden_fields(&page);
        fields.push(("username".into(), person.username.clone()));
        fields.push(("password".into(), person.password.clone()));
        let answer = self.submit(&url, &page, &fields);
        let location = answer
            .headers
            .get("location")
            .unwrap_or_else(|| panic!("sign-in of a known person: {}", answer.body));
        self.follow(url.join(location).expect("Location is a URL"))
    }

    /// Answers the consent page and gives the URL of the app to which the browser is sent.
    pub(crate) fn answer_consent(&self, (url, page): &(Url, String), consent: Consent) -> Url {
        let mut fields = hidden_fields(page);
        let answers = [
            ("share_demographic_scopes", consent.share_demographic_scopes),
            ("share_samhsa_data", consent.share_samhsa_data),
        ];
        for (name, yes) in answers {
            fields.retain(|(field, _)| field != name);
            fields.push((name.into(), if yes { "True" } else { "False" }.into()));
        }
        if consent.allow {
            fields.push(("allow".into(), "Connect".into()));
        }
        let answer = self.submit(url, page, &fields);
        let location = answer
            .headers
            .get("location")
            .unwrap_or_else(|| panic!("consent redirects: {}", answer.body));
        Url::parse(location).expect("the redirect URI is absolute")
    }

    pub(crate) fn follow(&self, mut url: Url) -> (Url, String) {
        const REDIRECTS_MAX: usize = 5;
        for _ in 0..REDIRECTS_MAX {
            let answer = self.get(url.as_str());
            let Some(location) = answer.headers.get("location") else {
                assert_eq!(answer.status, 200, "{url}: {}", answer.body);
                return (url, answer.body);
            };
            url = url.join(location).expect("Location is a URL");
        }
        panic!("more than {REDIRECTS_MAX} redirects");
    }

    fn submit(&self, page_url: &Url, page: &str, fields: &[(String, String)]) -> Answer {
        let action = form_action(page).map_or_else(
            || page_url.clone(),
            |action| page_url.join(&action).expect("action is a URL"),
        );
        let form: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post(action.as_str(), &form)
    }
}

impl Answer {
    pub(crate) fn read(mut response: Response<ureq::Body>) -> Self {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let answer = Self {
            status: response.status().as_u16(),
            headers,
            body: response
                .body_mut()
                .read_to_string()
                .expect("the body is text"),
        };
        ledger::note_answer(&answer);
        answer
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Name and value of the hidden inputs of the page's last form (an earlier one may be for changing the language).
pub(crate) fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let form = &page[page.rfind("<form").expect("the page has a form")..];
    form.split("<input")
        .skip(1)
        .map(|rest| &rest[..rest.find('>').expect("the tag is closed")])
        .filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
        .filter_map(|tag| {
            Some((
                attribute(tag, "name")?,
                attribute(tag, "value").unwrap_or_default(),
            ))
        })
        .collect()
}

fn form_action(page: &str) -> Option<String> {
    let form = &page[page.rfind("<form")?..];
    attribute(&form[..form.find('>')?], "action")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(unescape(&value[..value.find('"')?]))
}

fn unescape(text: &str) -> String {
    [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, character)| {
        text.replace(entity, character)
    })
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[test]
fn nothing_is_left_out_where_everything_is_required() {
    if env::var_os("REQUIRE_ALL").is_none() {
        return;
    }
    for needed in [
        "AWS_ENDPOINT_URL",
        "BLUEBUTTON_ADMIN",
        "BLUEBUTTON_NODE_MODULES",
        "BLUEBUTTON_SANDBOX",
        "BLUEBUTTON_SDK_PYTHON",
        "BLUEBUTTON_VALIDATOR_PYTHON",
        "CLAIMS_TABLE",
        "CONFIGURATION_SECRET",
        "GRANTS_TABLE",
        "IDENTITY_SECRET",
    ] {
        assert!(
            env::var_os(needed).is_some(),
            "{needed} is not set, so tests skip themselves"
        );
    }
}
