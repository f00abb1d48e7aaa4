//! Revocation of tokens (RFC 7009) and of grants, and Blue Button's expiry of a grant in the sandbox: SEC-26.

use bluebutton::oauth::DataAccess;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, handle, post, read, text};

/// What the `token` parameter is.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Access,
    Refresh,
    /// A refresh token that has its successor.
    UsedRefresh,
    /// An access token whose refresh token has been used.
    UsedAccess,
    /// Tokens from before the present consent.
    OldAccess,
    OldRefresh,
    /// The access token with its last letter changed.
    Tampered,
    Unknown,
    Empty,
    Missing,
    Twice,
}

/// Who sends it.
#[derive(Clone, Copy, Debug)]
enum By {
    Own,
    Other,
    WrongSecret,
    Nobody,
}

/// What is left afterwards of the newest tokens and their grant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Everything,
    /// The access token alone is dead.
    RefreshToken,
    /// The tokens are dead, the consent stays.
    Consent,
    Nothing,
}

const NO_HINT: &str = "";

const TOKEN: &str = "revoke_token";
const GRANT: &str = "revoke";

/// Path, token, hint, client; status, what is left.
#[rustfmt::skip]
const CASES: [(&str, Sent, &str, By, u16, Left); 38] = [
    (TOKEN, Sent::Access, NO_HINT, By::Own, 200, Left::RefreshToken),
    (TOKEN, Sent::Access, "access_token", By::Own, 200, Left::RefreshToken),
    (TOKEN, Sent::Access, "refresh_token", By::Own, 200, Left::RefreshToken),
    (TOKEN, Sent::Access, "unheard_of", By::Own, 200, Left::RefreshToken),
    (TOKEN, Sent::Refresh, NO_HINT, By::Own, 200, Left::Consent),
    (TOKEN, Sent::Refresh, "refresh_token", By::Own, 200, Left::Consent),
    (TOKEN, Sent::Refresh, "access_token", By::Own, 200, Left::Consent),
    (TOKEN, Sent::UsedRefresh, NO_HINT, By::Own, 200, Left::Consent),
    (TOKEN, Sent::UsedAccess, NO_HINT, By::Own, 200, Left::Everything),
    (TOKEN, Sent::OldAccess, NO_HINT, By::Own, 200, Left::Everything),
    (TOKEN, Sent::OldRefresh, NO_HINT, By::Own, 200, Left::Everything),
    (TOKEN, Sent::Tampered, NO_HINT, By::Own, 200, Left::Everything),
    (TOKEN, Sent::Unknown, NO_HINT, By::Own, 200, Left::Everything),
    (TOKEN, Sent::Unknown, "refresh_token", By::Own, 200, Left::Everything),
    (TOKEN, Sent::Empty, NO_HINT, By::Own, 400, Left::Everything),
    (TOKEN, Sent::Missing, NO_HINT, By::Own, 400, Left::Everything),
    (TOKEN, Sent::Twice, NO_HINT, By::Own, 400, Left::Everything),
    (TOKEN, Sent::Access, NO_HINT, By::Other, 403, Left::Everything),
    (TOKEN, Sent::Refresh, NO_HINT, By::Other, 403, Left::Everything),
    (TOKEN, Sent::Refresh, "refresh_token", By::Other, 403, Left::Everything),
    (TOKEN, Sent::Access, NO_HINT, By::WrongSecret, 401, Left::Everything),
    (TOKEN, Sent::Access, NO_HINT, By::Nobody, 401, Left::Everything),
    (TOKEN, Sent::Refresh, NO_HINT, By::Nobody, 401, Left::Everything),
    (GRANT, Sent::Access, NO_HINT, By::Own, 200, Left::Nothing),
    (GRANT, Sent::Access, "refresh_token", By::Own, 200, Left::Nothing),
    (GRANT, Sent::Refresh, NO_HINT, By::Own, 200, Left::Nothing),
    (GRANT, Sent::Refresh, "refresh_token", By::Own, 200, Left::Nothing),
    (GRANT, Sent::UsedRefresh, NO_HINT, By::Own, 200, Left::Nothing),
    (GRANT, Sent::UsedAccess, NO_HINT, By::Own, 200, Left::Nothing),
    (GRANT, Sent::OldAccess, NO_HINT, By::Own, 200, Left::Everything),
    (GRANT, Sent::OldRefresh, NO_HINT, By::Own, 200, Left::Everything),
    (GRANT, Sent::Tampered, NO_HINT, By::Own, 200, Left::Everything),
    (GRANT, Sent::Unknown, NO_HINT, By::Own, 200, Left::Everything),
    (GRANT, Sent::Missing, NO_HINT, By::Own, 400, Left::Everything),
    (GRANT, Sent::Access, NO_HINT, By::Other, 200, Left::Everything),
    (GRANT, Sent::Refresh, NO_HINT, By::Other, 200, Left::Everything),
    (GRANT, Sent::Access, NO_HINT, By::WrongSecret, 401, Left::Everything),
    (GRANT, Sent::Access, NO_HINT, By::Nobody, 401, Left::Everything),
];

#[tokio::test]
async fn a_token_dies_by_its_own_client_only_and_what_nobody_knows_is_no_error() {
    let (Some(own), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    for (path, sent, hint, by, status, left) in CASES {
        let tokens = Tokens::new(&own).await;
        let form = form(&tokens, sent, hint, (by, &own, &other));
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let (answered, body) = own.post(path, &form).await;
        let about = format!("{path} {sent:?} {hint} {by:?}: {body}");
        assert_eq!(answered, status, "{about}");
        match status {
            400 => assert_eq!(body["error"], "invalid_request", "{about}"),
            _ => assert_eq!(body, expected_body(status), "{about}"),
        }
        assert_eq!(tokens.left(&own).await, left, "{about}");
    }
}

/// Three generations of tokens of the same pair.
struct Tokens {
    old: Value,
    used: Value,
    newest: Value,
}

impl Tokens {
    async fn new(sandbox: &Sandbox) -> Self {
        let old = sandbox.tokens().await;
        let used = sandbox.tokens().await;
        let refresh_token = text(&used, "refresh_token");
        let (status, newest) = sandbox
            .post("token", &sandbox.refresh(&refresh_token))
            .await;
        assert_eq!(status, 200, "{newest}");
        Self { old, used, newest }
    }

    fn sent(&self, sent: Sent) -> Vec<String> {
        let token = |tokens: &Value, name: &str| vec![text(tokens, name)];
        match sent {
            Sent::Access => token(&self.newest, "access_token"),
            Sent::Refresh => token(&self.newest, "refresh_token"),
            Sent::UsedAccess => token(&self.used, "access_token"),
            Sent::UsedRefresh => token(&self.used, "refresh_token"),
            Sent::OldAccess => token(&self.old, "access_token"),
            Sent::OldRefresh => token(&self.old, "refresh_token"),
            Sent::Tampered => {
                let mut token = text(&self.newest, "access_token");
                // The last letter holds bits that no byte has; the one before it does not.
                let at = token.len() - 2;
                let other = if token[at..].starts_with('A') {
                    "B"
                } else {
                    "A"
                };
                token.replace_range(at..=at, other);
                vec![token]
            }
            Sent::Unknown => vec!["unknown".into()],
            Sent::Empty => vec![String::new()],
            Sent::Missing => vec![],
            Sent::Twice => {
                let token = text(&self.newest, "access_token");
                vec![token.clone(), token]
            }
        }
    }

    async fn left(&self, sandbox: &Sandbox) -> Left {
        let refresh_token = text(&self.newest, "refresh_token");
        let (_, refresh) = sandbox.about("introspect", &refresh_token).await;
        let access = sandbox.access(&self.newest).await.is_ok();
        match (sandbox.grant_id().await, refresh["active"] == true, access) {
            (None, false, false) => Left::Nothing,
            (Some(_), false, false) => Left::Consent,
            (Some(_), true, false) => Left::RefreshToken,
            (Some(_), true, true) => Left::Everything,
            impossible => panic!("{impossible:?}"),
        }
    }
}

fn form(
    tokens: &Tokens,
    sent: Sent,
    hint: &str,
    (by, own, other): (By, &Sandbox, &Sandbox),
) -> Vec<(&'static str, String)> {
    let id = |sandbox: &Sandbox| ("client_id", sandbox.application.client_id.clone());
    let secret = |sandbox: &Sandbox| ("client_secret", sandbox.secret.expose().to_owned());
    let mut form = match by {
        By::Own => vec![id(own), secret(own)],
        By::Other => vec![id(other), secret(other)],
        By::WrongSecret => vec![id(own), secret(other)],
        By::Nobody => vec![],
    };
    form.extend(tokens.sent(sent).into_iter().map(|token| ("token", token)));
    if !hint.is_empty() {
        form.push(("token_type_hint", hint.to_owned()));
    }
    form
}

fn expected_body(status: u16) -> Value {
    let description = "Application did not have access to the provided token.";
    match status {
        403 => json!({"status_code": 403, "description": description}),
        401 => json!({"error": "invalid_client"}),
        _ => json!(""),
    }
}

#[tokio::test]
async fn an_access_token_that_has_ended_still_says_which_grant_to_remove() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let tokens = sandbox.tokens().await;
    let tomorrow = Timestamp::now() + 24.hours();
    assert!(sandbox.access_at(tomorrow, &tokens).await.is_err());
    let access_token = text(&tokens, "access_token");
    let form = [&[("token", access_token.as_str())], &sandbox.client()[..]].concat();
    assert_eq!(sandbox.post_at(tomorrow, "revoke", &form).await.0, 200);
    assert_eq!(sandbox.grant_id().await, None);
}

#[tokio::test]
async fn expires_the_grant_of_the_calling_client_in_the_words_of_blue_button() {
    let (Some(own), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    let tokens = own.tokens().await;
    let check = async |patient: &str, client: &[(&str, &str)], status: u16, body: Value| {
        let path = format!("expire_authenticated_user/{patient}");
        assert_eq!(own.post(&path, client).await, (status, body), "{patient}");
    };
    let no_patient = json!("Patient was Not Found. Please check the id number and try again.");
    let id = ("client_id", own.application.client_id.as_str());
    let patient = own.patient.as_str();
    check(patient, &[], 403, json!("")).await;
    check(patient, &[id], 403, json!("")).await;
    check(patient, &[id, ("client_secret", "wrong")], 403, json!("")).await;
    let nobody = ("client_id", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    check(patient, &[nobody, ("client_secret", "x")], 403, json!("")).await;
    check(
        "-999999999999999999",
        &own.client(),
        404,
        no_patient.clone(),
    )
    .await;
    let no_grant = json!("Data Access Grant was Not Found.");
    own.load_person().await;
    check(patient, &other.client(), 404, no_grant.clone()).await;
    assert_eq!(own.access(&tokens).await, Ok(()));
    check(patient, &own.client(), 200, json!("success")).await;
    assert_eq!(own.grant_id().await, None);
    assert!(own.access(&tokens).await.is_err());
    check(patient, &own.client(), 404, no_grant).await;
    let not_an_id = own
        .post("expire_authenticated_user/abc", &own.client())
        .await;
    assert_eq!(not_an_id.0, 404);
}

#[tokio::test]
async fn a_grant_that_is_revoked_leaves_its_refresh_tokens_with_the_answer_of_blue_button() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    assert_eq!(sandbox.application.data_access, DataAccess::ThirteenMonth);
    let tokens = sandbox.tokens().await;
    let refresh_token = text(&tokens, "refresh_token");
    assert_eq!(sandbox.about("revoke", &refresh_token).await.0, 200);
    let description = "User access cannot be found. To refresh Medicare data, end user must re-authenticate and consent to share their data.";
    let body =
        json!({"status_code": 403, "error": "invalid_grant", "error_description": description});
    let answer = handle(
        &sandbox.state,
        post("token", &sandbox.refresh(&refresh_token), None),
    )
    .await;
    assert_eq!(read(&answer), (403, body));
}
