//! The functions as the API Gateway calls them: an event of a REST API (payload version 1.0), and its answer.

use std::collections::BTreeMap;
use std::future::Future;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// A function that answers calls of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Sign-in and consent.
    Authorize,
    /// Tokens.
    Token,
    /// Who the person is.
    Userinfo,
    /// FHIR Patient.
    Patient,
    /// FHIR Coverage.
    Coverage,
    /// FHIR ExplanationOfBenefit.
    Eob,
    /// Documents and keys.
    Discovery,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who answers it.
    pub function: Function,
    /// GET or POST.
    pub method: &'static str,
    /// The path with its query string.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// A form, already encoded; empty without one.
    pub body: String,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Values by the lower-case name of the header.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body as text.
    pub body: String,
}

/// A function did not answer at all.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it does not answer ({0})")]
pub struct Unanswered(pub String);

/// The stage of the events that this check makes up.
pub(crate) const MADE_UP_BASE_PATH: &str = "/check";
/// Their domain, which nobody can have (RFC 6761 section 6.4).
pub(crate) const MADE_UP_HOST: &str = "check.invalid";

/// Whoever can call the functions: Lambda, or a stand-in.
pub trait Functions {
    /// Calls one.
    fn call(&self, call: &Call) -> impl Future<Output = Result<Answer, Unanswered>> + Send;

    /// What stands in front of the API's own paths in the places that functions lead to. Without a public URL they take
    /// what a call says, and the calls of this check are made up.
    fn base_path(&self) -> &str {
        MADE_UP_BASE_PATH
    }

    /// The host of those places.
    fn host(&self) -> &str {
        MADE_UP_HOST
    }
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Authorize,
        Self::Token,
        Self::Userinfo,
        Self::Patient,
        Self::Coverage,
        Self::Eob,
        Self::Discovery,
    ];

    /// The name of the environment variable that holds the ARN of the function's new version.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Authorize => "AUTHORIZE_VERSION",
            Self::Token => "TOKEN_VERSION",
            Self::Userinfo => "USERINFO_VERSION",
            Self::Patient => "PATIENT_VERSION",
            Self::Coverage => "COVERAGE_VERSION",
            Self::Eob => "EOB_VERSION",
            Self::Discovery => "DISCOVERY_VERSION",
        }
    }
}

impl Call {
    pub(crate) fn get(function: Function, target: impl Into<String>) -> Self {
        Self {
            function,
            method: "GET",
            target: target.into(),
            headers: vec![("accept", "*/*".to_owned())],
            body: String::new(),
        }
    }

    pub(crate) fn post(
        function: Function,
        target: impl Into<String>,
        form: &[(&str, &str)],
    ) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut call = Self::get(function, target);
        call.method = "POST";
        call.body = body;
        call.header("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The path alone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The event that Lambda gets from the API Gateway. Domain and stage are made up: nothing is sent there.
    pub(crate) fn event(&self) -> Value {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut parameters = Map::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let values = parameters.entry(name).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(json!(value));
            }
        }
        let header = |value: fn(&String) -> Value| -> Map<String, Value> {
            let named = self
                .headers
                .iter()
                .map(|(name, text)| ((*name).to_owned(), value(text)));
            named.collect()
        };
        json!({
            "resource": "/{proxy+}",
            "path": self.path(),
            "httpMethod": self.method,
            "headers": header(|text| json!(text)),
            "multiValueHeaders": header(|text| json!([text])),
            "queryStringParameters": null,
            "multiValueQueryStringParameters": parameters,
            "pathParameters": { "proxy": self.path().trim_start_matches('/') },
            "stageVariables": null,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "check",
                "domainName": MADE_UP_HOST,
                "stage": "check",
                "httpMethod": self.method,
                "path": format!("{MADE_UP_BASE_PATH}{}", self.path()),
                "protocol": "HTTP/1.1",
                "requestId": "check",
                "resourceId": "check",
                "resourcePath": "/{proxy+}",
                "identity": { "sourceIp": "192.0.2.1", "userAgent": "check" },
            },
            "body": if self.body.is_empty() { Value::Null } else { json!(self.body) },
            "isBase64Encoded": false,
        })
    }
}

impl Answer {
    /// Reads what a function gives to the API Gateway.
    pub(crate) fn from_payload(payload: &[u8]) -> Result<Self, Unanswered> {
        let unreadable = || Unanswered("its answer is none of HTTP".to_owned());
        let payload: Value = serde_json::from_slice(payload).map_err(|_| unreadable())?;
        let status = payload["statusCode"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        let body = payload["body"].as_str().unwrap_or_default();
        let body = match payload["isBase64Encoded"].as_bool() {
            Some(true) => BASE64_STANDARD.decode(body).map_err(|_| unreadable())?,
            _ => body.as_bytes().to_vec(),
        };
        let mut answer = Self {
            status: status.ok_or_else(unreadable)?,
            headers: BTreeMap::new(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        for (name, value) in payload["headers"].as_object().into_iter().flatten() {
            answer.add(name, value);
        }
        for (name, values) in payload["multiValueHeaders"]
            .as_object()
            .into_iter()
            .flatten()
        {
            answer.headers.remove(&name.to_ascii_lowercase());
            for value in values.as_array().into_iter().flatten() {
                answer.add(name, value);
            }
        }
        Ok(answer)
    }

    fn add(&mut self, name: &str, value: &Value) {
        if let Some(value) = value.as_str() {
            let values = self.headers.entry(name.to_ascii_lowercase()).or_default();
            values.push(value.to_owned());
        }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.first()?)
    }

    /// The body as JSON; null, if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_becomes_the_event_of_a_rest_api() {
        let call = Call::post(Function::Token, "/v2/o/token/?a=1&a=2", &[("code", "x y")]);
        let event = call.event();
        assert_eq!(event["path"], "/v2/o/token/");
        assert_eq!(event["httpMethod"], "POST");
        assert_eq!(
            event["multiValueQueryStringParameters"],
            json!({ "a": ["1", "2"] })
        );
        assert_eq!(event["body"], "code=x+y");
        assert_eq!(event["requestContext"]["stage"], "check");
    }

    #[test]
    fn an_answer_is_read_as_the_gateway_reads_it() {
        let check = |payload: Value, status: Option<u16>, cookies: &[&str], body: &str| {
            let answer = Answer::from_payload(payload.to_string().as_bytes());
            assert_eq!(
                answer.as_ref().ok().map(|answer| answer.status),
                status,
                "{payload}"
            );
            let answer = answer.unwrap_or_default();
            assert_eq!(
                answer
                    .headers
                    .get("set-cookie")
                    .map_or(&[][..], |found| found),
                cookies
            );
            assert_eq!(answer.body, body);
        };
        check(
            json!({ "statusCode": 200, "multiValueHeaders": { "Set-Cookie": ["a", "b"] }, "body": "x" }),
            Some(200),
            &["a", "b"],
            "x",
        );
        check(
            json!({ "statusCode": 401, "headers": { "set-cookie": "a" }, "body": "eA==", "isBase64Encoded": true }),
            Some(401),
            &["a"],
            "x",
        );
        check(json!({ "errorMessage": "out of memory" }), None, &[], "");
        check(json!(null), None, &[], "");
    }
}
