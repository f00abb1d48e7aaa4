//! API Gateway's events, read and answered without a way to fail: what cannot be read is as if it had not been sent.
//!
//! `lambda_http` does the same, but panics on some queries and forwarded headers that a client may send.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value, json};

use super::{Response, form};

/// An event: of a REST API (payload version 1), or of payload version 2, which local runs send.
#[derive(Clone, Copy)]
pub(super) struct Event<'a>(pub(super) &'a Value);

impl<'a> Event<'a> {
    pub(super) fn method(self) -> Method {
        let name = match self.is_version_2() {
            true => self.text("/requestContext/http/method"),
            false => self.text("/httpMethod"),
        };
        Method::from_bytes(name.as_bytes()).unwrap_or_default()
    }

    pub(super) fn path(self) -> &'a str {
        match self.is_version_2() {
            true => self.text("/rawPath"),
            false => self.text("/path"),
        }
    }

    /// The decoded pairs, in the order sent where the event keeps it.
    pub(super) fn query(self) -> Vec<(String, String)> {
        match self.is_version_2() {
            true => form::pairs(self.text("/rawQueryString")),
            false => self.pairs("multiValueQueryStringParameters", "queryStringParameters"),
        }
    }

    pub(super) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.pairs("multiValueHeaders", "headers") {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                headers.append(name, value);
            }
        }
        if let Some(cookies) = self.0["cookies"].as_array() {
            let cookies: Vec<_> = cookies.iter().filter_map(Value::as_str).collect();
            if let Ok(cookies) = HeaderValue::from_str(&cookies.join("; ")) {
                headers.insert(header::COOKIE, cookies);
            }
        }
        headers
    }

    pub(super) fn body(self) -> Vec<u8> {
        let text = self.text("/body");
        match self.0["isBase64Encoded"] == true {
            true => BASE64_STANDARD.decode(text).unwrap_or_default(),
            false => text.as_bytes().to_vec(),
        }
    }

    pub(super) fn gateway_base_url(self) -> String {
        let domain = match self.text("/requestContext/domainName") {
            "" => "localhost",
            domain => domain,
        };
        match self.text("/requestContext/stage") {
            "" | "$default" => format!("https://{domain}"),
            stage => format!("https://{domain}/{stage}"),
        }
    }

    pub(super) fn source_ip(self) -> Option<String> {
        let address = match self.is_version_2() {
            true => self.text("/requestContext/http/sourceIp"),
            false => self.text("/requestContext/identity/sourceIp"),
        };
        Some(address.to_owned()).filter(|address| !address.is_empty())
    }

    /// The id that the gateway gave the request.
    pub(super) fn request_id(self) -> &'a str {
        self.text("/requestContext/requestId")
    }

    /// The answer in the form that belongs to the event.
    pub(super) fn answer(self, response: Response) -> Value {
        let mut single = Map::new();
        let mut multiple = Map::new();
        for name in response.headers.keys() {
            let values = response.headers.get_all(name).iter();
            let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
            single.insert(name.to_string(), values.last().copied().into());
            multiple.insert(name.to_string(), values.into());
        }
        // What we serve is UTF-8 text; anything else goes out in base64.
        let (body, is_base64) = match String::from_utf8(response.body) {
            Ok(text) => (text, false),
            Err(error) => (BASE64_STANDARD.encode(error.as_bytes()), true),
        };
        let mut answer = json!({
            "statusCode": response.status.as_u16(), "body": body, "isBase64Encoded": is_base64,
        });
        if self.is_version_2() {
            single.remove(header::SET_COOKIE.as_str());
            answer["cookies"] = multiple
                .remove(header::SET_COOKIE.as_str())
                .unwrap_or(json!([]));
        }
        answer["headers"] = single.into();
        answer["multiValueHeaders"] = multiple.into();
        answer
    }

    fn is_version_2(self) -> bool {
        self.0["version"] == "2.0"
    }

    fn text(self, pointer: &str) -> &'a str {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// The pairs of the event's map of lists, or of its map of texts where the first is missing or empty.
    fn pairs(self, multiple: &str, single: &str) -> Vec<(String, String)> {
        let map = |name| self.0[name].as_object().filter(|map| !map.is_empty());
        let entries = map(multiple).or_else(|| map(single)).into_iter().flatten();
        let mut pairs = Vec::new();
        for (name, value) in entries {
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            let texts = values.iter().filter_map(Value::as_str);
            pairs.extend(texts.map(|text| (name.clone(), text.to_owned())));
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Call, StatusCode};

    fn rest(path: &str) -> Value {
        json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "GET",
            "headers": {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Accept": "a/b"},
            "multiValueHeaders": {"Host": ["evil.example"], "Accept": ["a/b"]},
            "queryStringParameters": {"_count": "5"},
            "multiValueQueryStringParameters": {"_count": ["4", "5"]},
            "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "domainName": "api.example", "stage": "Prod", "identity": {"sourceIp": "192.0.2.7"}
            },
            "body": null, "isBase64Encoded": false
        })
    }

    fn version_2(path: &str, query: &str, body: &str, base64: bool) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "cookies": ["a=1", "b=2"],
            "headers": {"host": "evil.example", "x-forwarded-proto": ": ://", "content-type": "x/y"},
            "requestContext": {
                "domainName": "localhost", "stage": "$default",
                "http": {"method": "POST", "path": path, "sourceIp": "127.0.0.1"}
            },
            "body": body, "isBase64Encoded": base64
        })
    }

    #[test]
    fn takes_the_base_url_from_configuration_or_the_gateway_and_never_from_a_header() {
        let check = |event: &Value, public: Option<&str>, expected: &str| {
            assert_eq!(Call::new(event, "", public).base_url, expected);
        };
        let event = rest("/v2/fhir/Patient");
        check(&event, None, "https://api.example/Prod");
        check(&event, Some(""), "https://api.example/Prod");
        check(
            &event,
            Some("http://localhost:8000/"),
            "http://localhost:8000",
        );
        check(&version_2("/", "", "", false), None, "https://localhost");
    }

    #[test]
    fn reads_both_forms_of_events() {
        let call = Call::new(&rest("/v2/fhir/Patient/"), "id", None);
        assert_eq!(
            (call.path.as_str(), call.request_id.as_str()),
            ("/fhir/Patient", "id")
        );
        assert_eq!(call.source_ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(call.header("accept"), Some("a/b"));
        let counts = [("_count".into(), "4".into()), ("_count".into(), "5".into())];
        assert_eq!(call.query, counts);
        for (body, base64) in [("x=1", false), ("eD0x", true)] {
            let call = Call::new(
                &version_2("/v2/o/token/", "a=1&b=%2B+c", body, base64),
                "",
                None,
            );
            assert_eq!(call.body, b"x=1");
            assert_eq!(call.versioned_path(), "/v2/o/token");
            assert_eq!(call.method, Method::POST);
            assert_eq!(call.header("cookie"), Some("a=1; b=2"));
            let pairs = [("a".into(), "1".into()), ("b".into(), "+ c".into())];
            assert_eq!(call.query, pairs);
            assert!(!call.request_id.is_empty());
        }
    }

    #[test]
    fn reads_whatever_a_client_sends() {
        for query in ["x=\"<>{}|\\^`", "%", "%zz=%ff", "&&==&", "é=ü", "a=1?b#c"] {
            for path in ["", "//", "/v2/fhir/<>\"", "/v2/%00", "/v2/fhir/Patient/é"] {
                let call = Call::new(&version_2(path, query, "%", true), "", None);
                assert!(call.body.is_empty() && call.path.starts_with('/'));
                assert_eq!(Call::new(&rest(path), "", None).path, call.path);
            }
        }
        for event in [
            json!(null),
            json!([]),
            json!({}),
            json!({"version": "2.0"}),
            json!({"headers": 1}),
        ] {
            assert_eq!(Call::new(&event, "", None).path, "/");
        }
    }

    #[test]
    fn answers_in_the_form_of_the_event() {
        let response = || {
            Response::text(StatusCode::OK, "ä")
                .with_added_header(header::SET_COOKIE, "a=1")
                .with_added_header(header::SET_COOKIE, "b=2")
        };
        let answer = Event(&rest("/")).answer(response());
        assert_eq!(
            answer["multiValueHeaders"]["set-cookie"],
            json!(["a=1", "b=2"])
        );
        assert_eq!(
            answer["headers"]["content-type"],
            "text/plain; charset=utf-8"
        );
        assert_eq!(
            (&answer["statusCode"], &answer["body"]),
            (&json!(200), &json!("ä"))
        );
        let event = version_2("/", "", "", false);
        let answer = Event(&event).answer(response());
        assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
        assert!(answer["headers"].get("set-cookie").is_none());
        let binary = Response::new(StatusCode::OK, "application/pdf", vec![0xff]);
        let answer = Event(&event).answer(binary);
        assert_eq!(
            (&answer["isBase64Encoded"], &answer["body"]),
            (&json!(true), &json!("/w=="))
        );
    }
}
