//! What the provider publishes about itself (OpenID Connect Discovery 1.0 sections 3 and 4).

use serde::Deserialize;

use super::{
    ProviderError,
    http::{Credentials, Endpoint, Http},
    settings::Settings,
};

/// Where the provider does what, and how.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Endpoint,
    pub(super) token: Endpoint,
    pub(super) jwks: Endpoint,
    pub(super) userinfo: Option<Endpoint>,
    pub(super) end_session: Option<Endpoint>,
    pub(super) revocation: Option<Endpoint>,
    pub(super) client_authentication: ClientAuthentication,
    /// Whether its callbacks always say who sends them (RFC 9207).
    pub(super) names_itself: bool,
}

/// How we prove who we are at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuthentication {
    Basic,
    Post,
}

/// The members of the document that matter here.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads the document of the provider that the settings name.
    pub(super) async fn read(http: &Http, settings: &Settings) -> Result<Self, ProviderError> {
        let issuer = settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let endpoint = settings.reach.endpoint(&url);
        let endpoint =
            endpoint.ok_or(ProviderError::Unavailable("its issuer is no URL to call"))?;
        let answer = http.get(&endpoint, Credentials::None).await?;
        let document = answer.success("it publishes no configuration")?;
        let document = serde_json::from_value(document);
        let document =
            document.map_err(|_| ProviderError::Unavailable("its configuration is incomplete"))?;
        Self::check(document, settings)
    }

    fn check(document: Document, settings: &Settings) -> Result<Self, ProviderError> {
        // Discovery section 4.3: exactly equal, or somebody else's document is read.
        if document.issuer != settings.issuer {
            return Err(ProviderError::Unavailable(
                "its configuration is another issuer's",
            ));
        }
        let endpoint = |url: &str| {
            let endpoint = settings.reach.endpoint(url);
            endpoint.ok_or(ProviderError::Unavailable(
                "its configuration has a URL that is not called",
            ))
        };
        let optional = |url: Option<&String>| url.map(|url| endpoint(url)).transpose();
        Ok(Self {
            authorization: endpoint(&document.authorization_endpoint)?,
            token: endpoint(&document.token_endpoint)?,
            jwks: endpoint(&document.jwks_uri)?,
            userinfo: optional(document.userinfo_endpoint.as_ref())?,
            end_session: optional(document.end_session_endpoint.as_ref())?,
            revocation: optional(document.revocation_endpoint.as_ref())?,
            client_authentication: ClientAuthentication::of(
                document.token_endpoint_auth_methods_supported.as_deref(),
            )?,
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

impl ClientAuthentication {
    /// Without a list it is Basic (Discovery section 3).
    fn of(supported: Option<&[String]>) -> Result<Self, ProviderError> {
        let Some(supported) = supported else {
            return Ok(Self::Basic);
        };
        let has = |method: &str| supported.iter().any(|known| known == method);
        match (has("client_secret_basic"), has("client_secret_post")) {
            (true, _) => Ok(Self::Basic),
            (false, true) => Ok(Self::Post),
            (false, false) => Err(ProviderError::Unavailable("it takes no client secret")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Stage;
    use serde_json::{Value, json};

    #[test]
    fn takes_a_configuration_of_the_right_issuer_with_urls_that_may_be_called() {
        let settings = json!({
            "issuer": "https://id.example", "client_id": "c", "client_secret": "s", "scopes": "openid", "mbi_claim": "mbi",
        });
        let settings = Settings::parse(&settings.to_string(), Stage::Prod)
            .expect("settings")
            .expect("a provider");
        let check = |name: &str, value: Value, expected: Result<ClientAuthentication, ()>| {
            let mut document = json!({
                "issuer": "https://id.example", "authorization_endpoint": "https://id.example/auth",
                "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
            });
            document[name] = value;
            let read = serde_json::from_value(document.clone()).map_err(drop);
            let read = read.and_then(|document| Metadata::check(document, &settings).map_err(drop));
            assert_eq!(
                read.map(|metadata| metadata.client_authentication),
                expected,
                "{document}"
            );
        };
        use ClientAuthentication::{Basic, Post};
        check("other", json!(1), Ok(Basic));
        let methods = "token_endpoint_auth_methods_supported";
        check(
            methods,
            json!(["client_secret_post", "client_secret_basic"]),
            Ok(Basic),
        );
        check(
            methods,
            json!(["private_key_jwt", "client_secret_post"]),
            Ok(Post),
        );
        check(methods, json!(["private_key_jwt"]), Err(()));
        for issuer in [
            "https://id.example/",
            "https://ID.example",
            "https://other.example",
            "",
        ] {
            check("issuer", json!(issuer), Err(()));
        }
        for url in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        ] {
            for refused in [
                "http://id.example/x",
                "https://127.0.0.1/x",
                "https://169.254.169.254/",
                "/x",
            ] {
                check(url, json!(refused), Err(()));
            }
        }
    }
}
