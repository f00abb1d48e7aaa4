//! The templates of the routes, by which logs and metrics name a call: they hold nothing of what was sent.

use super::ApiVersion;

/// The template of whatever no other one fits.
const CATCH_ALL: &str = "/{rest+}";

// routes: written by `cargo xtask routes`
const TEMPLATES: &[&str] = &[
    "/vN/o/authorize",
    "/vN/o/authorize/{approval}",
    "/login",
    "/callback",
    "/vN/o/token",
    "/vN/o/revoke_token",
    "/vN/o/revoke",
    "/vN/o/introspect",
    "/vN/o/expire_authenticated_user/{patient}",
    "/vN/o/tokens",
    "/vN/o/tokens/{grant}",
    "/vN/connect/userinfo",
    "/connect/userinfo",
    "/vN/fhir/Patient",
    "/vN/fhir/Patient/_search",
    "/vN/fhir/Patient/{id}",
    "/vN/fhir/Coverage",
    "/vN/fhir/Coverage/_search",
    "/vN/fhir/Coverage/{id}",
    "/vN/fhir/ExplanationOfBenefit",
    "/vN/fhir/ExplanationOfBenefit/_search",
    "/vN/fhir/ExplanationOfBenefit/{id}",
    "/portal",
    "/portal/{page}",
    "/testclient",
    "/testclient/{page}",
    "/.well-known/{document}",
    "/vN/connect/.well-known/openid-configuration",
    "/vN/fhir/.well-known/smart-configuration",
    "/vN/fhir/metadata",
    "/health",
    "/health/{check}",
    "/docs",
    "/docs/{page}",
    "/",
];
// end of routes

/// The template that a path without its version fits. More exact ones stand before those that would fit too.
pub(super) fn of(version: Option<ApiVersion>, path: &str) -> &'static str {
    let fits = |template: &&&str| match (version, template.strip_prefix("/vN")) {
        (Some(_), Some(template)) => is_of(template, path),
        (None, None) => is_of(template, path),
        _ => false,
    };
    TEMPLATES
        .iter()
        .find(fits)
        .map_or(CATCH_ALL, |found| *found)
}

fn is_of(template: &str, path: &str) -> bool {
    let (mut segments, mut parts) = (path.split('/'), template.split('/'));
    loop {
        match (segments.next(), parts.next()) {
            (Some(segment), Some(part)) if part == segment => {}
            (Some(segment), Some(part)) if part.starts_with('{') && !segment.is_empty() => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_call_by_its_template() {
        let check = |version, path: &str, template: &str| {
            assert_eq!(of(version, path), template, "{version:?} {path}");
        };
        for version in [ApiVersion::V1, ApiVersion::V2, ApiVersion::V3] {
            let version = Some(version);
            check(version, "/fhir/Patient", "/vN/fhir/Patient");
            check(version, "/fhir/Patient/-1", "/vN/fhir/Patient/{id}");
            check(version, "/fhir/Patient/_search", "/vN/fhir/Patient/_search");
            check(version, "/o/token", "/vN/o/token");
            check(version, "/o/tokens/1", "/vN/o/tokens/{grant}");
            check(version, "/connect/userinfo", "/vN/connect/userinfo");
            check(version, "/login", CATCH_ALL);
            check(version, "/", CATCH_ALL);
        }
        check(None, "/", "/");
        check(None, "/login", "/login");
        check(None, "/connect/userinfo", "/connect/userinfo");
        check(None, "/health/external", "/health/{check}");
        check(None, "/health/", CATCH_ALL);
        check(None, "/fhir/Patient/-1", CATCH_ALL);
        check(None, "/v4/fhir/Patient/-1", CATCH_ALL);
        check(Some(ApiVersion::V2), "/fhir/Patient/-1/history", CATCH_ALL);
    }
}
