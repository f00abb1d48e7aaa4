//! An application of the running sandbox, with a browser of its own: it gets codes and tokens as applications do.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bluebutton::identity::{BeneId, sandbox};
use bluebutton::oauth::{authorize::AuthorizationQuery, pkce::CodeChallenge, random_token};
use serde_json::Value;
use ureq::http::{Response, header::LOCATION};
use ureq::{Agent, Body};
use url::Url;

const REQUEST_SECONDS_MAX: u64 = 60;

/// An application of the sandbox, with a browser of its own.
pub(crate) struct Client {
    browser: Agent,
    base_url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) redirect_uri: String,
    known_patient: String,
}

impl Client {
    /// The application of that name, or the first one.
    pub(crate) fn read(path: &Path, application: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let missing = |error| {
            let path = path.display();
            format!("{path}: {error}. `cargo xtask sandbox` writes it; is the sandbox running?")
        };
        let text = fs::read_to_string(path).map_err(|error| missing(error.to_string()))?;
        let description: Value = serde_json::from_str(&text)?;
        let applications = description["applications"].as_array();
        let of_that_name = |known: &&Value| application.is_none_or(|name| known["name"] == name);
        let application = applications.into_iter().flatten().find(of_that_name);
        let application = application.ok_or("the sandbox has no application of that name")?;
        let text = |value: &Value, pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found
                .map(str::to_owned)
                .ok_or_else(|| missing(format!("{pointer} is missing")))
        };
        let browser = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(REQUEST_SECONDS_MAX)))
            .build();
        Ok(Self {
            browser: browser.into(),
            base_url: Url::parse(&text(&description, "/base_url")?)?,
            client_id: text(application, "/client_id")?,
            client_secret: text(application, "/client_secret")?,
            redirect_uri: text(application, "/redirect_uris/0")?,
            known_patient: text(&description, "/sign_ins/0/patient")?,
        })
    }

    /// The first person whom the sandbox describes.
    pub(crate) fn known_patient(&self) -> Result<BeneId, Box<dyn Error>> {
        let patient = BeneId::parse(&self.known_patient);
        Ok(patient.ok_or("the sandbox describes no person")?)
    }

    /// Signs in and consents to everything that is asked for: the code.
    pub(crate) fn code(
        &self,
        patient: &BeneId,
        verifier: &str,
        scope: Option<&str>,
    ) -> Result<String, Box<dyn Error>> {
        self.consent(self.sign_in(patient, verifier, scope)?)
    }

    /// Asks for authorization and signs in: the address of the consent page.
    fn sign_in(
        &self,
        patient: &BeneId,
        verifier: &str,
        scope: Option<&str>,
    ) -> Result<Url, Box<dyn Error>> {
        let page = location(
            &self.base_url,
            self.get(&self.authorize_url(verifier, scope)?)?,
        )?;
        let html = self.get(&page)?.into_body().read_to_string()?;
        let username = sandbox::user_name_of(patient);
        let password = sandbox::password_of(&username);
        let form = [
            ("approval", hidden(&html, "approval")?),
            ("csrf_token", hidden(&html, "csrf_token")?),
            ("username", &username),
            ("password", &password),
        ];
        let signed_in = self.post(&page, &form)?;
        location(&page, signed_in).map_err(|_| {
            let id = patient.as_str();
            format!("the sandbox does not let {id} sign in: no such person is loaded, or the name is locked").into()
        })
    }

    /// Consents to everything that is asked for: the code.
    fn consent(&self, page: Url) -> Result<String, Box<dyn Error>> {
        let html = self.get(&page)?.into_body().read_to_string()?;
        let form = [
            ("csrf_token", hidden(&html, "csrf_token")?),
            ("share_demographic_scopes", "True"),
            ("allow", "Connect"),
        ];
        let back = location(&page, self.post(&page, &form)?)?;
        let answer = |name: &str| {
            let pairs = back.query_pairs();
            pairs
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned())
                .next()
        };
        answer("code").ok_or_else(|| {
            let error = answer("error").unwrap_or_default();
            format!("the consent was not given: {error}").into()
        })
    }

    /// Exchanges the code: the access token.
    pub(crate) fn exchange(&self, code: &str, verifier: &str) -> Result<String, Box<dyn Error>> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
        ];
        let answer = self.post(&self.url("v2/o/token/")?, &form)?;
        let answer: Value = serde_json::from_str(&answer.into_body().read_to_string()?)?;
        let token = answer["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("no token was issued: {}", answer["error"]).into())
    }

    fn authorize_url(&self, verifier: &str, scope: Option<&str>) -> Result<Url, Box<dyn Error>> {
        let mut url = self.url("v2/o/authorize/")?;
        let state = random_token();
        let asked = AuthorizationQuery {
            client_id: &self.client_id,
            redirect_uri: &self.redirect_uri,
            state: state.expose(),
            challenge: &CodeChallenge::of(verifier),
        };
        url.query_pairs_mut().extend_pairs(asked.pairs());
        if let Some(scope) = scope {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        Ok(url)
    }

    fn url(&self, path: &str) -> Result<Url, Box<dyn Error>> {
        let base = self.base_url.as_str().trim_end_matches('/');
        Ok(Url::parse(&format!("{base}/{path}"))?)
    }

    fn get(&self, url: &Url) -> Result<Response<Body>, Box<dyn Error>> {
        let answer = self.browser.get(url.as_str()).call();
        answer.map_err(|error| unreachable(&self.base_url, &error))
    }

    fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Response<Body>, Box<dyn Error>> {
        let answer = self
            .browser
            .post(url.as_str())
            .send_form(form.iter().copied());
        answer.map_err(|error| unreachable(&self.base_url, &error))
    }
}

fn unreachable(base_url: &Url, error: &ureq::Error) -> Box<dyn Error> {
    format!("{base_url} does not answer: {error}. Is the sandbox running?").into()
}

/// Where an answer leads, or what it says instead.
fn location(from: &Url, answer: Response<Body>) -> Result<Url, Box<dyn Error>> {
    let target = answer.headers().get(LOCATION);
    if let Some(target) = target.and_then(|value| value.to_str().ok()) {
        return Ok(from.join(target)?);
    }
    let status = answer.status();
    let text = answer.into_body().read_to_string().unwrap_or_default();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    Err(format!("the sandbox answers {status} {message}").into())
}

/// The value of a hidden field of a page of ours.
fn hidden<'a>(html: &'a str, name: &str) -> Result<&'a str, Box<dyn Error>> {
    let marker = format!(r#"name="{name}" value=""#);
    let value = html
        .split_once(&marker)
        .and_then(|(_, rest)| rest.split_once('"'));
    let value = value.ok_or_else(|| format!("the page has no field {name}"))?;
    Ok(value.0)
}
