//! What a FHIR request can be refused for, and how each refusal reads: one OperationOutcome with a stable code.
//!
//! An outcome names the parameter and the value that were wrong, but never a person: ids, Medicare numbers
//! and dates of a person never stand in it.

use std::borrow::Cow;

use crate::fhir::json::Writer;
use crate::mapping::Version;

/// How much of a refused value an outcome repeats.
const ECHO_CHARS_MAX: usize = 64;

/// A refusal of a FHIR request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter's value cannot be read; `expected` says what would be.
    InvalidParameter {
        /// The parameter.
        name: &'static str,
        /// Its value as sent, or `None` where it may identify a person.
        value: Option<String>,
        /// What the parameter takes.
        expected: &'static str,
    },
    /// A parameter that takes one value came with two different ones.
    RepeatedParameter {
        /// The parameter.
        name: &'static str,
        /// Two of its values.
        values: [usize; 2],
    },
    /// A parameter is known but not answered here.
    UnsupportedParameter {
        /// The parameter.
        name: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// Parameters that are not served, under `Prefer: handling=strict`.
    UnknownParameters(Vec<String>),
    /// More parameters than a request may have.
    TooManyParameters {
        /// The most a request may have.
        limit: usize,
    },
    /// A page that starts behind the last result.
    StartBehindEnd {
        /// The `startIndex` sent.
        start_index: usize,
        /// How many results there are.
        total: usize,
    },
    /// A search names a person other than the token's.
    AnotherPatient {
        /// The parameter.
        name: &'static str,
    },
    /// A resource id that no resource of that type can have.
    MalformedId {
        /// The pattern of ids of that type.
        expected: &'static str,
    },
    /// No such resource, or none that this token may know of.
    NotFound,
    /// Not a path of the API.
    UnknownPath,
    /// This version of the API does not answer this.
    NotSupported,
    /// Part of Blue Button, but not built yet. It is 404, as Blue Button answers where such a part is switched off, and
    /// not 501: the alarm of our own errors counts every 5xx, and nobody outside may ring it.
    NotImplemented,
    /// Another method than those the path takes.
    MethodNotAllowed,
    /// The body of a POST is larger than that of any search.
    BodyTooLarge,
    /// The body of a POST is no form.
    NotAForm,
    /// The body of a POST is a form that cannot be read.
    MalformedForm,
    /// Only formats that are not served are accepted.
    NotAcceptable,
    /// The access token does not give access, or cannot be checked.
    Access {
        /// The HTTP status.
        status: u16,
        /// The issue type that fits.
        issue: &'static str,
        /// What to tell the client.
        detail: Cow<'static, str>,
    },
    /// The caller sends more requests than it may.
    TooManyRequests,
    /// The claims table asks to slow down.
    Throttled,
    /// The claims table does not answer.
    Unavailable,
    /// What is stored cannot be answered; the log has the cause.
    Internal,
}

/// The values of `OperationOutcome.issue.code` in use, and the status each refusal answers with.
struct Answer {
    status: u16,
    /// <https://hl7.org/fhir/R4/valueset-issue-type.html>; the codes used are the same in STU3.
    issue: &'static str,
    /// <https://hl7.org/fhir/R4/codesystem-operation-outcome.html>, where it has a fitting code.
    detail: Option<&'static str>,
}

const fn answer(status: u16, issue: &'static str, detail: &'static str) -> Answer {
    Answer {
        status,
        issue,
        detail: if detail.is_empty() {
            None
        } else {
            Some(detail)
        },
    }
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer().status
    }

    /// The kind of the issue, by which logs know the refusal too.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.answer().issue
    }

    /// The OperationOutcome.
    #[must_use]
    pub fn outcome(&self, version: Version) -> Vec<u8> {
        let mut w = Writer::new();
        w.object(|w| {
            w.text("resourceType", "OperationOutcome");
            w.key("issue");
            w.array(|w| w.object(|w| self.issue(w, version)));
        });
        w.into_bytes()
    }

    fn issue(&self, w: &mut Writer, version: Version) {
        let answer = self.answer();
        w.text("severity", "error");
        w.text("code", answer.issue);
        if let Some(detail) = answer.detail {
            w.object_unless_empty("details", |w| {
                w.array_unless_empty("coding", |w| {
                    w.object(|w| {
                        w.text("system", detail_system(version));
                        w.text("code", detail);
                    });
                });
            });
        }
        w.text("diagnostics", &self.diagnostics());
        // "For HTTP errors, will be "http." + the parameter name": definition of issue.location.
        w.array_unless_empty("location", |w| {
            for name in self.parameters() {
                w.string(&format!("http.{}", echo(name)));
            }
        });
    }

    #[rustfmt::skip]
    fn answer(&self) -> Answer {
        match self {
            Refusal::InvalidParameter { .. }     => answer(400, "value", "MSG_PARAM_INVALID"),
            Refusal::RepeatedParameter { .. }    => answer(400, "invalid", "MSG_PARAM_NO_REPEAT"),
            Refusal::UnsupportedParameter { .. } => answer(400, "not-supported", "MSG_PARAM_UNKNOWN"),
            Refusal::UnknownParameters(_)        => answer(400, "not-supported", "MSG_PARAM_UNKNOWN"),
            Refusal::TooManyParameters { .. }    => answer(400, "too-costly", ""),
            Refusal::StartBehindEnd { .. }       => answer(400, "value", "MSG_PARAM_INVALID"),
            Refusal::AnotherPatient { .. }       => answer(403, "forbidden", ""),
            Refusal::MalformedId { .. }          => answer(400, "value", "MSG_ID_INVALID"),
            Refusal::NotFound                    => answer(404, "not-found", "MSG_NO_EXIST"),
            Refusal::UnknownPath                 => answer(404, "not-found", ""),
            Refusal::NotSupported                => answer(404, "not-supported", ""),
            Refusal::NotImplemented              => answer(404, "not-supported", ""),
            Refusal::MethodNotAllowed            => answer(405, "not-supported", "MSG_OP_NOT_ALLOWED"),
            Refusal::BodyTooLarge                => answer(413, "too-long", ""),
            Refusal::NotAForm                    => answer(415, "not-supported", ""),
            Refusal::MalformedForm               => answer(400, "structure", ""),
            Refusal::NotAcceptable               => answer(406, "not-supported", ""),
            Refusal::Access { status, issue, .. } => answer(*status, issue, ""),
            Refusal::TooManyRequests             => answer(429, "throttled", ""),
            Refusal::Throttled                   => answer(503, "throttled", ""),
            Refusal::Unavailable                 => answer(503, "transient", ""),
            Refusal::Internal                    => answer(500, "exception", ""),
        }
    }

    fn parameters(&self) -> Vec<&str> {
        match self {
            Refusal::InvalidParameter { name, .. }
            | Refusal::RepeatedParameter { name, .. }
            | Refusal::UnsupportedParameter { name, .. }
            | Refusal::AnotherPatient { name } => vec![name],
            Refusal::StartBehindEnd { .. } => vec!["startIndex"],
            Refusal::UnknownParameters(names) => names.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn diagnostics(&self) -> String {
        match self {
            Refusal::InvalidParameter {
                name,
                value: Some(value),
                expected,
            } => format!(
                "The value '{}' of parameter {name} is not valid: expected {expected}.",
                echo(value)
            ),
            Refusal::InvalidParameter {
                name,
                value: None,
                expected,
            } => format!("The value of parameter {name} is not valid: expected {expected}."),
            Refusal::RepeatedParameter {
                name,
                values: [one, other],
            } => format!(
                "Parameter {name} was sent more than once with different values: '{one}' and '{other}'."
            ),
            Refusal::UnsupportedParameter { name, instead } => {
                format!("Parameter {name} is not supported: {instead}.")
            }
            Refusal::UnknownParameters(names) => {
                let names: Vec<String> = names.iter().map(|name| echo(name)).collect();
                format!(
                    "Unknown parameters under handling=strict: {}.",
                    names.join(", ")
                )
            }
            Refusal::TooManyParameters { limit } => {
                format!("A request may have {limit} parameters at most.")
            }
            Refusal::StartBehindEnd { start_index, total } => format!(
                "The value '{start_index}' of parameter startIndex must be less than the number of results, {total}."
            ),
            Refusal::AnotherPatient { name } => {
                format!("Parameter {name} names a patient whom this access token does not cover.")
            }
            Refusal::MalformedId { expected } => {
                format!("The id does not match the expected pattern {expected}.")
            }
            other => other.sentence().to_owned(),
        }
    }

    /// What to say where there is nothing to name.
    fn sentence(&self) -> &str {
        match self {
            Refusal::NotFound => "No such resource.",
            Refusal::UnknownPath => "No such path.",
            Refusal::NotSupported => "This version of the API does not serve this resource.",
            Refusal::NotImplemented => "This is not built yet.",
            Refusal::MethodNotAllowed => {
                "This method is not served here; the Allow header says which are."
            }
            Refusal::BodyTooLarge => "The body is larger than that of any search.",
            Refusal::NotAForm => {
                "The body of a search is sent as application/x-www-form-urlencoded."
            }
            Refusal::MalformedForm => {
                "The body cannot be read as the form that its content type says."
            }
            Refusal::NotAcceptable => {
                "Only JSON is served: application/fhir+json or application/json."
            }
            Refusal::Access { detail, .. } => detail.as_ref(),
            Refusal::TooManyRequests => {
                "Too many requests; the Retry-After header says when to go on."
            }
            Refusal::Throttled => "Too many requests at the moment; try again shortly.",
            Refusal::Unavailable => {
                "The service is temporarily unavailable; try again in some seconds."
            }
            _ => "The request failed; the request id tells the operator why.",
        }
    }
}

fn detail_system(version: Version) -> &'static str {
    match version {
        Version::Stu3 => "http://hl7.org/fhir/operation-outcome",
        Version::R4 => "http://terminology.hl7.org/CodeSystem/operation-outcome",
    }
}

/// A client's own text, cut short, without control characters.
fn echo(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(ECHO_CHARS_MAX)
        .collect();
    match text.chars().nth(ECHO_CHARS_MAX) {
        Some(_) => format!("{shown}…"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(refusal: &Refusal, status: u16, expected: &str) {
        let outcome = String::from_utf8(refusal.outcome(Version::R4)).unwrap();
        assert_eq!((refusal.status(), outcome.as_str()), (status, expected));
    }

    #[test]
    fn names_parameter_and_value() {
        check(
            &Refusal::InvalidParameter {
                name: "_count",
                value: Some("-5\n\"".into()),
                expected: "a number from 0 to 50",
            },
            400,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","details":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/operation-outcome","code":"MSG_PARAM_INVALID"}]},"diagnostics":"The value '-5\"' of parameter _count is not valid: expected a number from 0 to 50.","location":["http._count"]}]}"#,
        );
    }

    #[test]
    fn names_the_values_that_contradict_each_other_and_the_parameters_that_nobody_knows() {
        check(
            &Refusal::RepeatedParameter {
                name: "_count",
                values: [3, 4],
            },
            400,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","details":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/operation-outcome","code":"MSG_PARAM_NO_REPEAT"}]},"diagnostics":"Parameter _count was sent more than once with different values: '3' and '4'.","location":["http._count"]}]}"#,
        );
        check(
            &Refusal::UnknownParameters(vec!["foo".into(), "\"".into()]),
            400,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported","details":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/operation-outcome","code":"MSG_PARAM_UNKNOWN"}]},"diagnostics":"Unknown parameters under handling=strict: foo, \".","location":["http.foo","http.\""]}]}"#,
        );
    }

    #[test]
    fn leaves_out_values_that_identify_a_person_and_details_it_has_no_code_for() {
        check(
            &Refusal::AnotherPatient { name: "patient" },
            403,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","diagnostics":"Parameter patient names a patient whom this access token does not cover.","location":["http.patient"]}]}"#,
        );
    }

    #[test]
    fn repeats_no_more_of_a_value_than_its_limit() {
        assert_eq!(echo(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(
            echo(&"é".repeat(65)),
            format!("{}…", "é".repeat(ECHO_CHARS_MAX))
        );
    }
}
