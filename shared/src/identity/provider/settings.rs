//! Which provider, and what it calls a Medicare number.

use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::Value;

use super::http::Reach;
use crate::{
    config::{self, ConfigError, Stage},
    secret::Secret,
};

/// The environment variable that names the secret.
pub(super) const SECRET: &str = "IDENTITY_PROVIDER_SECRET";

/// What an operator registered at the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our secret at the provider.
    pub client_secret: Secret,
    /// The scopes that make it tell the Medicare number, `openid` among them.
    pub scopes: String,
    /// The claim with the MBI.
    pub mbi_claim: Claim,
    /// The claim with the HICN, where the provider knows it.
    pub hicn_claim: Option<Claim>,
    pub(super) reach: Reach,
}

/// Where a value stands in an id_token or a userinfo answer: a member's name, or a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Claim(String);

/// What the secret holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    client_id: String,
    client_secret: String,
    scopes: String,
    mbi_claim: Claim,
    hicn_claim: Option<Claim>,
}

impl Settings {
    /// The provider of this deployment, from the secret that `IDENTITY_PROVIDER_SECRET` names. None in a sandbox whose
    /// people sign in by rule.
    ///
    /// # Errors
    /// When the secret cannot be read or is incomplete, or names no provider outside the sandbox.
    pub async fn read(aws: &SdkConfig, stage: Stage) -> Result<Option<Self>, ConfigError> {
        if config::variable(SECRET).is_err() && stage.is_sandbox() {
            return Ok(None);
        }
        Self::parse(config::secret(aws, SECRET).await?.expose(), stage)
    }

    /// The settings that a secret holds; the template makes it as `{}`.
    ///
    /// # Errors
    /// When they are incomplete, or name no provider outside the sandbox.
    pub fn parse(secret: &str, stage: Stage) -> Result<Option<Self>, ConfigError> {
        let malformed = ConfigError::Malformed(SECRET);
        let value: Value = serde_json::from_str(secret).map_err(|_| malformed.clone())?;
        match (
            value.as_object().is_some_and(serde_json::Map::is_empty),
            stage,
        ) {
            (true, Stage::Sandbox) => return Ok(None),
            (true, Stage::Dev | Stage::Prod) => return Err(ConfigError::MissingProvider(SECRET)),
            (false, _) => {}
        }
        let written: Written = serde_json::from_value(value).map_err(|_| malformed.clone())?;
        let reach = Reach::of(stage);
        let complete = reach.endpoint(&written.issuer).is_some()
            && !written.client_id.is_empty()
            && !written.client_secret.is_empty()
            && written.scopes.split(' ').any(|scope| scope == "openid")
            && !written.mbi_claim.0.is_empty();
        if !complete {
            return Err(malformed);
        }
        Ok(Some(Self {
            issuer: written.issuer,
            client_id: written.client_id,
            client_secret: Secret::new(written.client_secret),
            scopes: written.scopes,
            mbi_claim: written.mbi_claim,
            hicn_claim: written.hicn_claim.filter(|claim| !claim.0.is_empty()),
            reach,
        }))
    }
}

impl Claim {
    /// The value, wherever an object has it. `null` and an empty text count as none.
    pub(super) fn of<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let value = match self.0.starts_with('/') {
            true => object.pointer(&self.0),
            false => object.get(&self.0),
        };
        value.filter(|value| !value.is_null() && *value != "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complete() -> Value {
        json!({
            "issuer": "https://id.example", "client_id": "bluebutton", "client_secret": "s", "scopes": "openid profile",
            "mbi_claim": "mbi", "hicn_claim": "/user/hicn",
        })
    }

    #[test]
    fn only_the_sandbox_starts_without_a_provider_or_with_one_on_plain_http() {
        let check =
            |change: Option<(&str, Value)>, stage: Stage, expected: Result<bool, ConfigError>| {
                let mut value = complete();
                match change {
                    Some(("", replaced)) => value = replaced,
                    Some((name, Value::Null)) => {
                        drop(value.as_object_mut().and_then(|o| o.remove(name)))
                    }
                    Some((name, changed)) => value[name] = changed,
                    None => {}
                }
                let parsed = Settings::parse(&value.to_string(), stage);
                assert_eq!(
                    parsed.map(|found| found.is_some()),
                    expected,
                    "{value} {stage}"
                );
            };
        let malformed = || Err(ConfigError::Malformed(SECRET));
        for stage in [Stage::Dev, Stage::Prod] {
            check(None, stage, Ok(true));
            let missing = Err(ConfigError::MissingProvider(SECRET));
            check(Some(("", json!({}))), stage, missing);
            for issuer in [
                "http://id.example",
                "http://localhost:1",
                "https://127.0.0.1",
                "id.example",
            ] {
                check(Some(("issuer", json!(issuer))), stage, malformed());
            }
        }
        check(Some(("", json!({}))), Stage::Sandbox, Ok(false));
        check(
            Some(("issuer", json!("http://localhost:1"))),
            Stage::Sandbox,
            Ok(true),
        );
        check(Some(("hicn_claim", Value::Null)), Stage::Prod, Ok(true));
        for name in [
            "issuer",
            "client_id",
            "client_secret",
            "scopes",
            "mbi_claim",
        ] {
            check(Some((name, Value::Null)), Stage::Sandbox, malformed());
            check(Some((name, json!(""))), Stage::Sandbox, malformed());
        }
        check(
            Some(("scopes", json!("profile openidx"))),
            Stage::Prod,
            malformed(),
        );
        check(
            Some(("mbi", json!("a name that is misspelt"))),
            Stage::Prod,
            malformed(),
        );
        check(Some(("", json!([]))), Stage::Prod, malformed());
    }

    #[test]
    fn finds_claims_by_name_and_by_pointer() {
        let check = |claim: &str, expected: Option<&str>| {
            let object = json!({
                "mbi": "a", "https://id.example/mbi": "b", "user": {"mbi": "c"}, "empty": "", "null": null,
            });
            let found = Claim(claim.to_owned()).of(&object).and_then(Value::as_str);
            assert_eq!(found, expected, "{claim}");
        };
        check("mbi", Some("a"));
        check("https://id.example/mbi", Some("b"));
        check("/user/mbi", Some("c"));
        for none in ["user/mbi", "/user/hicn", "empty", "null", "other"] {
            check(none, None);
        }
    }
}
