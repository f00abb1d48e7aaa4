//! The discovery documents of OpenID Connect and SMART App Launch: only what is served is in them.

use bluebutton::http::ApiVersion;
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

/// <https://openid.net/specs/openid-connect-discovery-1_0.html>, with Blue Button's `fhir_metadata_uri`.
/// CMS also lists the response type `token`, which never worked; it is left out.
pub(crate) fn openid(base: &str, version: ApiVersion) -> Value {
    let url = format!("{base}/{}", version.as_str());
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{url}/o/authorize"),
        "token_endpoint": format!("{url}/o/token"),
        "revocation_endpoint": format!("{url}/o/revoke_token"),
        "introspection_endpoint": format!("{url}/o/introspect"),
        "userinfo_endpoint": format!("{url}/connect/userinfo"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "fhir_metadata_uri": format!("{url}/fhir/metadata"),
        "ui_locales_supported": ["en-US"],
        "grant_types_supported": ["refresh_token", "authorization_code"],
        "response_types_supported": ["code"],
        "scopes_supported": scopes(),
        "code_challenge_methods_supported": ["S256"],
        // Answers of the authorization endpoint carry `iss` (RFC 9207).
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    })
}

/// <https://hl7.org/fhir/smart-app-launch/conformance.html>
pub(crate) fn smart(base: &str, version: ApiVersion) -> Value {
    let url = format!("{base}/{}", version.as_str());
    json!({
        "authorization_endpoint": format!("{url}/o/authorize"),
        "token_endpoint": format!("{url}/o/token"),
        "revocation_endpoint": format!("{url}/o/revoke_token"),
        "introspection_endpoint": format!("{url}/o/introspect"),
        "grant_types_supported": ["authorization_code"],
        "response_types_supported": ["code"],
        "scopes_supported": scopes(),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "capabilities": [
            "client-confidential-symmetric",
            "context-standalone-patient",
            "launch-standalone",
            "permission-offline",
            "permission-patient",
            "permission-v1",
            "permission-v2",
            "authorize-post",
        ],
    })
}

fn scopes() -> Vec<String> {
    let all = Scopes::all().to_string();
    all.split(' ').map(str::to_owned).collect()
}
