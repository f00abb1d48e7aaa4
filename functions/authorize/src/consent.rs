//! The third step: the beneficiary decides, and the application gets a code or a refusal.

use bluebutton::{
    audit::{Action, Event},
    http::{Call, Parameters, Response, StatusCode, page::SWITCH_LANGUAGE},
    oauth::{
        Application, Approval, CODE_SECONDS, Code, Grant, Person, Scopes, authorize::to_location,
        random_token, token::ACCESS_TOKEN_SECONDS,
    },
    secret::Secret,
    store::{HeldApproval, Transaction},
};
use jiff::{Timestamp, ToSpan};

use crate::{
    Refusal, State, back_to_application,
    pages::{self, Boxes, Shown},
    session::{Session, Step},
    sign_in::{application, open_approval, sign_in_path},
};

/// Shows the consent page, or the sign-in page to whom has not signed in.
pub(crate) async fn show(
    state: &State,
    call: &Call,
    id: &str,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let (approval, session) = open_approval(state, call, id, now).await?;
    let Some(person) = &approval.person else {
        let sign_in = sign_in_path(call, id, &approval);
        return Ok(to_location(StatusCode::SEE_OTHER, &sign_in));
    };
    let application = application(state, &approval).await?;
    let csrf_token = session.csrf_token(id, Step::Consent);
    let shown = Shown {
        approval: &approval,
        username: state.identity_source.shown_name(person),
        boxes: Boxes::FIRST,
    };
    Ok(pages::consent(&application, shown, &csrf_token, now))
}

/// Takes the decision and sends the browser back to the application. The approval is used up by it.
pub(crate) async fn decide(
    state: &State,
    call: &Call,
    id: &str,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let (approval, session) = open_approval(state, call, id, now).await?;
    let person = approval.person.clone().ok_or(Refusal::Expired)?;
    let form = call.form().await?;
    // The button that switches the account carries the token itself, so that the page has one field of that name.
    let switch = form.last("switch_account");
    let csrf_token = switch.or(form.last("csrf_token"));
    let csrf_token = Secret::new(csrf_token.unwrap_or_default());
    if csrf_token != session.csrf_token(id, Step::Consent) {
        return Err(Refusal::Forged);
    }
    if switch.is_some() {
        return switch_account(state, call, (id, &approval), now).await;
    }
    let application = application(state, &approval).await?;
    if form.contains(SWITCH_LANGUAGE) {
        // The address that it was posted to has changed the language. Nothing is decided, and no choice is lost.
        let shown = Shown {
            approval: &approval,
            username: state.identity_source.shown_name(&person),
            boxes: Boxes::of(&form),
        };
        return Ok(pages::consent(&application, shown, &csrf_token, now));
    }
    let choices = Choices::of(&form, &approval);
    let decision = Decision {
        state,
        call,
        id,
        now,
        approval,
        person,
    };
    let response = match form.contains("allow") {
        false => decision.decline().await?,
        true if choices.scopes.is_empty() => decision.withhold_everything().await?,
        true => decision.allow(&application, choices).await?,
    };
    Ok(Session::end(call, id, response))
}

/// Back to the sign-in page with the same request, for someone else to sign in.
async fn switch_account(
    state: &State,
    call: &Call,
    (id, approval): (&str, &Approval),
    now: Timestamp,
) -> Result<Response, Refusal> {
    let transient = &state.authorization.transient;
    match transient.sign_out(approval.held(id, now)).await? {
        true => Ok(state.identity_source.again(call, (id, approval))),
        false => Err(Refusal::Expired),
    }
}

/// What the beneficiary consents to.
#[derive(Clone, Copy)]
struct Choices {
    scopes: Scopes,
    substance_use: bool,
}

struct Decision<'a> {
    state: &'a State,
    call: &'a Call,
    id: &'a str,
    now: Timestamp,
    approval: Approval,
    person: Person,
}

impl Decision<'_> {
    /// Replaces the grant, with which all earlier tokens of the pair die, and issues a code.
    async fn allow(
        &self,
        application: &Application,
        choices: Choices,
    ) -> Result<Response, Refusal> {
        let grant = self.grant(application, choices);
        let secret = random_token();
        let code = self.code(&grant);
        let scopes = choices.scopes.to_string();
        let event = self.event(Action::Consented, &scopes);
        let tables = &self.state.authorization;
        let done = tables.approve(self.held(), &grant, (&secret, &code), &event);
        match done.await? {
            Transaction::Done => Ok(self.back(&[("code", secret.expose())])),
            Transaction::Refused => Err(Refusal::Expired),
        }
    }

    /// Nothing is left of what was asked for: as a refusal, and what the application had before ends too.
    async fn withhold_everything(&self) -> Result<Response, Refusal> {
        let revoked = self.event(Action::GrantRevoked, "");
        let declined = self.event(Action::Refused, "");
        let tables = &self.state.authorization;
        let events = [&revoked, &declined];
        match tables.withhold(self.held(), events).await? {
            Transaction::Done => Ok(self.denied()),
            // The application had nothing before, or the approval has ended.
            Transaction::Refused => self.decline().await,
        }
    }

    /// Tells the application; what it had before stays.
    async fn decline(&self) -> Result<Response, Refusal> {
        let event = self.event(Action::Refused, "");
        let tables = &self.state.authorization;
        match tables.decline(self.held(), &event).await? {
            Transaction::Done => Ok(self.denied()),
            Transaction::Refused => Err(Refusal::Expired),
        }
    }

    fn grant(&self, application: &Application, choices: Choices) -> Grant {
        // A code may be redeemed at its last second, and its token then lives a full hour.
        let once = ACCESS_TOKEN_SECONDS + CODE_SECONDS;
        Grant {
            patient: self.person.patient.clone(),
            client_id: self.approval.client_id.clone(),
            grant_id: Grant::new_id(),
            scopes: choices.scopes,
            substance_use: choices.substance_use,
            username: Some(self.person.username.clone()),
            approved_at: self.now,
            expires_at: application.data_access.grant_expiry(self.now, once),
        }
    }

    fn code(&self, grant: &Grant) -> Code {
        Code {
            client_id: grant.client_id.clone(),
            redirect_uri: self.approval.redirect_uri.clone(),
            challenge: self.approval.challenge.clone(),
            patient: grant.patient.clone(),
            grant_id: grant.grant_id.clone(),
            scopes: grant.scopes,
            expires_at: self.now + CODE_SECONDS.seconds(),
            used_at: None,
        }
    }

    /// What is used up.
    fn held(&self) -> HeldApproval<'_> {
        self.approval.held(self.id, self.now)
    }

    fn event<'b>(&'b self, action: Action, detail: &'b str) -> Event<'b> {
        let about = (&self.person.patient, self.approval.client_id.as_str());
        Event::new(self.call, self.now, about, (action, detail))
    }

    fn denied(&self) -> Response {
        self.back(&[("error", "access_denied")])
    }

    fn back(&self, answer: &[(&str, &str)]) -> Response {
        back_to_application(self.call, &self.approval, answer)
    }
}

impl Choices {
    /// Personal information and claims about substance use only if the beneficiary said so.
    fn of(form: &Parameters, approval: &Approval) -> Self {
        let boxes = Boxes::of(form);
        let scopes = match boxes.personal {
            true => approval.scopes,
            false => approval.scopes.without_demographics(),
        };
        Self {
            scopes,
            substance_use: boxes.substance_use,
        }
    }
}
