//! The discovery documents of OAuth, OpenID Connect and SMART App Launch: only what is served is in them.

use bluebutton::http::{ApiVersion, Language};
use bluebutton::oauth::Scopes;
use serde_json::{Value, json};

/// Where to start reading.
pub(crate) fn index(base: &str) -> Value {
    json!({
        "name": "Open Blue Button API",
        "fhir": format!("{base}/v2/fhir"),
        "fhir_metadata_uri": format!("{base}/v2/fhir/metadata"),
        "openid_configuration": format!("{base}/.well-known/openid-configuration"),
        "smart_configuration": format!("{base}/v2/fhir/.well-known/smart-configuration"),
    })
}

/// What every document says of the authorization server. CMS also lists the response type `token`, which never worked;
/// it is left out.
fn server(base: &str, version: ApiVersion) -> Value {
    let url = format!("{base}/{}", version.as_str());
    json!({
        "authorization_endpoint": format!("{url}/o/authorize"),
        "token_endpoint": format!("{url}/o/token"),
        "revocation_endpoint": format!("{url}/o/revoke_token"),
        "introspection_endpoint": format!("{url}/o/introspect"),
        "response_types_supported": ["code"],
        "scopes_supported": scopes(),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": CLIENT_IDENTIFICATION,
    })
}

/// How clients say who they are where a public one may call (RFC 6749 section 3.2.1).
const CLIENT_IDENTIFICATION: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];

/// How clients authenticate (RFC 6749 section 2.3.1).
const CLIENT_AUTHENTICATION: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// The server's metadata by RFC 8414.
pub(crate) fn oauth(base: &str, version: ApiVersion) -> Value {
    let more = json!({
        "issuer": base,
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "grant_types_supported": ["refresh_token", "authorization_code"],
        "response_modes_supported": ["query"],
        "revocation_endpoint_auth_methods_supported": CLIENT_IDENTIFICATION,
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "ui_locales_supported": Language::ALL.map(Language::as_str),
        // Answers of the authorization endpoint carry `iss` (RFC 9207).
        "authorization_response_iss_parameter_supported": true,
        // RFC 9101: request objects are refused.
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    with(server(base, version), more)
}

/// <https://openid.net/specs/openid-connect-discovery-1_0.html>, with Blue Button's `fhir_metadata_uri`. Nothing is
/// said of id tokens, for none is issued.
pub(crate) fn openid(base: &str, version: ApiVersion) -> Value {
    let url = format!("{base}/{}", version.as_str());
    let more = json!({
        "userinfo_endpoint": format!("{url}/connect/userinfo"),
        "fhir_metadata_uri": format!("{url}/fhir/metadata"),
    });
    with(oauth(base, version), more)
}

/// <https://hl7.org/fhir/smart-app-launch/conformance.html>
pub(crate) fn smart(base: &str, version: ApiVersion) -> Value {
    let more = json!({
        "grant_types_supported": ["authorization_code"],
        "capabilities": [
            "client-confidential-symmetric",
            "client-public",
            "context-standalone-patient",
            "launch-standalone",
            "permission-offline",
            "permission-patient",
            "permission-v1",
            "permission-v2",
            "authorize-post",
        ],
    });
    with(server(base, version), more)
}

fn with(mut document: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (document.as_object_mut(), more) {
        members.extend(more);
    }
    document
}

fn scopes() -> Vec<String> {
    let all = Scopes::all().to_string();
    all.split(' ').map(str::to_owned).collect()
}
