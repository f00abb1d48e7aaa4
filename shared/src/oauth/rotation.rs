//! The rotation of the signing keys: which step may be taken when, and how it is taken. `bluebutton-admin rotate` and
//! the function `rotate` take the same steps. Why they wait for each other is in infra/docs/keys.md.

mod configuration;
mod new_key;

use aws_config::SdkConfig;
use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::Client as SecretsManager;
use jiff::{SignedDuration, Timestamp};
use std::error::Error;

pub use configuration::Configuration;

use crate::aws_error::words;
use crate::config;

/// How long a key signs before the next one does, where nothing else is said.
pub const SIGNING_DAYS: u32 = 90;

/// How long a key is published before it signs: longer than anybody keeps a key set.
const PUBLISHED_BEFORE_USE: SignedDuration = SignedDuration::from_hours(24);

/// How long a key is published after it signed: its last token lives an hour, and a function may sign for ten minutes
/// without knowing of the switch.
const PUBLISHED_AFTER_USE: SignedDuration = SignedDuration::from_mins(70);

const HOURS_PER_DAY: i64 = 24;

/// So many days.
#[must_use]
pub fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * HOURS_PER_DAY)
}

/// A step of the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the next key and publish it.
    Prepare,
    /// Let the next key sign, and make the one after it.
    Switch,
    /// Stop publishing the previous key.
    Finish,
    /// Drop a key at once because somebody else may have it.
    Drop {
        /// The key to drop.
        key: Role,
        /// Drop the current key even without a next one.
        force: bool,
    },
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs.
    Current,
    /// It will sign.
    Next,
    /// It signed before.
    Previous,
}

/// The keys as the configuration names them, with their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeys {
    /// The ARN of the key that signs.
    pub current: String,
    /// Since when it signs.
    pub current_since: Timestamp,
    /// The key that signs next, with the time since when it is published.
    pub next: Option<(String, Timestamp)>,
    /// The key that signed before.
    pub previous: Option<String>,
}

/// Why a step may not be taken, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is too early.
    #[error("not yet: {what} from {from:.0} on")]
    NotYet {
        /// What has to wait.
        what: &'static str,
        /// Until when.
        from: Timestamp,
    },
    /// What the step would make is there.
    #[error("there is a next key already")]
    HasNext,
    /// The step is about the next key, or needs one to sign.
    #[error("there is no next key: `rotate prepare` makes one")]
    NoNext,
    /// There is nothing to stop publishing.
    #[error("there is no previous key")]
    NoPrevious,
    /// The current key is not dropped where no other is known to the functions.
    #[error(
        "there is no next key, so for up to 30 seconds new tokens would be refused: `rotate prepare` makes one, and a \
         minute later every function knows it; --force drops the key now"
    )]
    UnknownSuccessor,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// It may not be taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody else has written the configuration since it was read, or is about to. A key that was made for the step
    /// may be left, which nothing names (infra/docs/keys.md).
    #[error("the configuration has been changed by somebody else meanwhile, and not by this step")]
    Changed,
    /// What is configured cannot be used; the text says what.
    #[error("{0}")]
    Unusable(&'static str),
    /// AWS does not do what is asked.
    #[error("{what}: {why}")]
    Failed {
        /// What could not be done.
        what: &'static str,
        /// AWS's own words.
        why: String,
    },
}

/// What takes steps: the keys of KMS, and the secret that names them.
pub struct Rotation {
    kms: Kms,
    secrets: SecretsManager,
    secret: String,
}

impl Step {
    /// What logs call the step.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Switch => "switch",
            Self::Finish => "finish",
            Self::Drop { .. } => "drop",
        }
    }
}

impl Rotation {
    /// Of the configuration in that secret.
    #[must_use]
    pub fn new(aws: &SdkConfig, secret: String) -> Self {
        Self {
            kms: config::kms(aws),
            secrets: config::secrets_manager(aws),
            secret,
        }
    }

    /// Takes a step from what was read, and answers what the configuration says now. A key that it makes gets an alias
    /// that begins with `aliases`, by which the functions' roles know it (infra/access.yaml).
    ///
    /// # Errors
    /// When the step may not be taken, when somebody else has taken one, and when AWS fails. The configuration then is
    /// as it was; a new key may be there, which the next step finds and uses.
    pub async fn take(
        &self,
        step: Step,
        read: &Configuration,
        aliases: &str,
        now: Timestamp,
    ) -> Result<SigningKeys, RotationError> {
        let new = match read.keys.wants_new(step, now)? {
            true => Some(self.find_or_make_key(read, aliases).await?),
            false => None,
        };
        let changed = read.keys.after(step, new, now)?;
        self.write(read, &changed).await?;
        Ok(changed)
    }
}

impl SigningKeys {
    /// The one step that time asks for, if there is one, where a key is to sign for so long.
    #[must_use]
    pub fn due(&self, signing: SignedDuration, now: Timestamp) -> Option<Step> {
        let is_over = now >= self.current_since + signing;
        let steps = [Step::Finish, Step::Prepare].into_iter();
        let mut steps = steps.chain(is_over.then_some(Step::Switch));
        steps.find(|step| self.wants_new(*step, now).is_ok())
    }

    /// The key that a new one is made like: the next one, if there is one, for the current key may be what went wrong.
    #[must_use]
    pub fn model(&self) -> &str {
        let next = self.next.as_ref().map(|(arn, _)| arn);
        next.unwrap_or(&self.current)
    }

    /// For how many whole days the current key has signed.
    #[must_use]
    pub fn age_days(&self, now: Timestamp) -> u64 {
        let hours = now.duration_since(self.current_since).as_hours();
        u64::try_from(hours / HOURS_PER_DAY).unwrap_or_default()
    }

    /// Whether the step makes a new key.
    ///
    /// # Errors
    /// When the step may not be taken, or not yet.
    fn wants_new(&self, step: Step, now: Timestamp) -> Result<bool, Refusal> {
        match (step, &self.next) {
            (Step::Prepare, None) => Ok(true),
            (Step::Prepare, Some(_)) => Err(Refusal::HasNext),
            (Step::Switch, None) => Err(Refusal::NoNext),
            (Step::Switch, Some((_, since))) => {
                refuse_before(*since + PUBLISHED_BEFORE_USE, now, "the next key may sign")?;
                self.refuse_before_previous_is_over(now).map(|()| true)
            }
            (Step::Finish, _) if self.previous.is_none() => Err(Refusal::NoPrevious),
            (Step::Finish, _) => self.refuse_before_previous_is_over(now).map(|()| false),
            // Dropping waits for nothing that may be refused: the key after the next one is left to another step.
            (Step::Drop { key, force }, next) => match key {
                Role::Current if next.is_some() => Ok(false),
                Role::Current if force => Ok(true),
                Role::Current => Err(Refusal::UnknownSuccessor),
                Role::Next if next.is_some() => Ok(false),
                Role::Next => Err(Refusal::NoNext),
                Role::Previous if self.previous.is_some() => Ok(false),
                Role::Previous => Err(Refusal::NoPrevious),
            },
        }
    }

    fn refuse_before_previous_is_over(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.previous {
            Some(_) => {
                let over = self.current_since + PUBLISHED_AFTER_USE;
                refuse_before(over, now, "tokens of the previous key are over")
            }
            None => Ok(()),
        }
    }

    /// The keys after a step that may be taken.
    fn after(&self, step: Step, new: Option<String>, now: Timestamp) -> Result<Self, Refusal> {
        let before = self.clone();
        let new = new.map(|arn| (arn, now));
        Ok(match step {
            Step::Prepare
            | Step::Drop {
                key: Role::Next, ..
            } => Self {
                next: new,
                ..before
            },
            Step::Finish
            | Step::Drop {
                key: Role::Previous,
                ..
            } => Self {
                previous: None,
                ..before
            },
            Step::Switch => Self {
                current: self.successor(&new)?,
                current_since: now,
                next: new,
                previous: Some(before.current),
            },
            // Without a next key the new one signs at once, whoever knows of it.
            Step::Drop {
                key: Role::Current, ..
            } => Self {
                current: self.successor(&new)?,
                current_since: now,
                next: None,
                previous: before.previous,
            },
        })
    }

    fn successor(&self, new: &Option<(String, Timestamp)>) -> Result<String, Refusal> {
        let successor = self.next.as_ref().or(new.as_ref());
        let (arn, _) = successor.ok_or(Refusal::NoNext)?;
        Ok(arn.clone())
    }

    /// What to do next, for an operator.
    #[must_use]
    pub fn advice(&self) -> String {
        match (&self.previous, &self.next) {
            (Some(_), _) => {
                let over = self.current_since + PUBLISHED_AFTER_USE;
                format!("`rotate finish` from {over:.0} on")
            }
            (None, None) => "`rotate prepare`".to_owned(),
            (None, Some((_, since))) => {
                let ready = *since + PUBLISHED_BEFORE_USE;
                format!(
                    "`rotate switch`, possible from {ready:.0} on, due {SIGNING_DAYS} days after the last"
                )
            }
        }
    }
}

fn refuse_before(from: Timestamp, now: Timestamp, what: &'static str) -> Result<(), Refusal> {
    match now < from {
        true => Err(Refusal::NotYet { what, from }),
        false => Ok(()),
    }
}

/// The error of a call: AWS's code and sentence where it answered, else what kept it from answering.
fn failed<E, R>(what: &'static str) -> impl Fn(SdkError<E, R>) -> RotationError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    move |error| RotationError::Failed {
        what,
        why: words(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// Keys by one letter each; the current one signs since 0, the next is published since then.
    fn keys(current: &str, next: Option<&str>, previous: Option<&str>) -> SigningKeys {
        SigningKeys {
            current: current.into(),
            current_since: at(0),
            next: next.map(|next| (next.to_owned(), at(0))),
            previous: previous.map(str::to_owned),
        }
    }

    /// The keys after a step, the new one being `n`.
    fn step(keys: &SigningKeys, step: Step, seconds: i64) -> Result<SigningKeys, Refusal> {
        let new = keys.wants_new(step, at(seconds))?;
        keys.after(step, new.then(|| "n".to_owned()), at(seconds))
    }

    #[test]
    fn a_step_is_taken_in_its_turn_and_its_time() {
        let check = |keys: SigningKeys, taken: Step, seconds: i64, expected: Option<[&str; 3]>| {
            let name = |arn: Option<String>| arn.unwrap_or_else(|| "-".into());
            let found = step(&keys, taken, seconds).ok().map(|keys| {
                let next = keys.next.map(|(arn, _)| arn);
                [keys.current, name(next), name(keys.previous)]
            });
            let expected = expected.map(|keys| keys.map(str::to_owned));
            assert_eq!(found, expected, "after {seconds} s: {keys:?}");
        };
        let (a_b, a) = (keys("a", Some("b"), None), keys("a", None, None));
        let b_c_a = keys("b", Some("c"), Some("a"));
        check(a.clone(), Step::Prepare, 0, Some(["a", "n", "-"]));
        check(a_b.clone(), Step::Prepare, DAY, None);
        check(a.clone(), Step::Switch, DAY, None);
        check(a_b.clone(), Step::Switch, DAY - 1, None);
        check(a_b.clone(), Step::Switch, DAY, Some(["b", "n", "a"]));
        check(b_c_a.clone(), Step::Finish, 70 * MINUTE - 1, None);
        check(
            b_c_a.clone(),
            Step::Finish,
            70 * MINUTE,
            Some(["b", "c", "-"]),
        );
        check(b_c_a.clone(), Step::Switch, DAY, Some(["c", "n", "b"]));
        check(a_b.clone(), Step::Finish, DAY, None);
        let drop = |key| Step::Drop { key, force: false };
        let force = |key| Step::Drop { key, force: true };
        check(a_b.clone(), drop(Role::Current), 0, Some(["b", "-", "-"]));
        check(a.clone(), drop(Role::Current), 0, None);
        check(a.clone(), force(Role::Current), 0, Some(["n", "-", "-"]));
        check(a.clone(), force(Role::Previous), 0, None);
        check(b_c_a.clone(), drop(Role::Current), 0, Some(["c", "-", "a"]));
        check(a_b.clone(), drop(Role::Next), 0, Some(["a", "-", "-"]));
        check(a.clone(), drop(Role::Next), 0, None);
        check(
            b_c_a.clone(),
            drop(Role::Previous),
            0,
            Some(["b", "c", "-"]),
        );
        check(a_b, drop(Role::Previous), 0, None);
    }

    #[test]
    fn a_key_that_was_made_by_a_step_waits_from_then_on() {
        let switched = step(&keys("a", Some("b"), None), Step::Switch, DAY).expect("in time");
        assert_eq!(switched.next, Some(("n".to_owned(), at(DAY))));
        assert_eq!(switched.current_since, at(DAY));
        assert!(step(&switched, Step::Finish, DAY + 70 * MINUTE - 1).is_err());
        let finished = step(&switched, Step::Finish, DAY + 70 * MINUTE).expect("in time");
        assert!(step(&finished, Step::Switch, 2 * DAY - 1).is_err());
        assert!(step(&finished, Step::Switch, 2 * DAY).is_ok());
    }

    #[test]
    fn time_asks_for_one_step_at_most() {
        let check = |keys: &SigningKeys, signs: u32, seconds: i64, expected: Option<Step>| {
            let found = keys.due(days(signs), at(seconds));
            assert_eq!(found, expected, "{signs} days, after {seconds} s: {keys:?}");
        };
        let (a, a_b) = (keys("a", None, None), keys("a", Some("b"), None));
        let (b_a, b_c_a) = (keys("b", None, Some("a")), keys("b", Some("c"), Some("a")));
        let switch = Some(Step::Switch);
        // The current key has signed for long enough.
        check(&a_b, 90, 0, None);
        check(&a_b, 90, DAY, None);
        check(&a_b, 90, 90 * DAY - 1, None);
        check(&a_b, 90, 90 * DAY, switch);
        check(&a_b, 90, 1000 * DAY, switch);
        check(&a_b, 30, 30 * DAY, switch);
        // The next key has been published for long enough, however old the current one is.
        check(&a_b, 1, DAY - 1, None);
        check(&a_b, 1, DAY, switch);
        check(&a_b, 0, DAY - 1, None);
        let mut late = a_b.clone();
        late.next = Some(("b".to_owned(), at(90 * DAY)));
        check(&late, 90, 91 * DAY - 1, None);
        check(&late, 90, 91 * DAY, switch);
        // Without a next key one is made first, at any time.
        check(&a, 90, 0, Some(Step::Prepare));
        check(&a, 90, 1000 * DAY, Some(Step::Prepare));
        check(&b_a, 90, 0, Some(Step::Prepare));
        // The previous key goes before anything else happens, and not before its tokens are over.
        check(&b_c_a, 90, 70 * MINUTE - 1, None);
        check(&b_c_a, 90, 70 * MINUTE, Some(Step::Finish));
        check(&b_a, 90, 70 * MINUTE, Some(Step::Finish));
        check(&b_c_a, 90, 90 * DAY, Some(Step::Finish));
        // A clock that runs behind asks for nothing.
        check(&a_b, 90, -DAY, None);
        check(&b_c_a, 90, -DAY, None);
    }

    #[test]
    fn a_life_of_daily_runs_changes_the_key_every_ninety_days() {
        let signing = days(90);
        let mut keys = keys("first", None, None);
        let mut taken = Vec::new();
        for day in 0..200 {
            for hour in [4, 6] {
                let now = at(day * DAY + hour * HOUR);
                let Some(step) = keys.due(signing, now) else {
                    continue;
                };
                let new = keys.wants_new(step, now).expect("due, so it may be taken");
                let new = new.then(|| format!("made on day {day}"));
                keys = keys.after(step, new, now).expect("a step");
                taken.push((day, hour, step.name()));
            }
        }
        let expected = [
            (0, 4, "prepare"),
            (90, 4, "switch"),
            (90, 6, "finish"),
            (180, 4, "switch"),
            (180, 6, "finish"),
        ];
        assert_eq!(taken, expected);
        assert_eq!(keys.current, "made on day 90");
    }

    #[test]
    fn the_age_of_a_key_is_told_in_whole_days() {
        let check = |seconds: i64, expected: u64| {
            let age = keys("a", None, None).age_days(at(seconds));
            assert_eq!(age, expected, "{seconds} s");
        };
        check(0, 0);
        check(DAY - 1, 0);
        check(DAY, 1);
        check(101 * DAY, 101);
        check(-DAY, 0);
    }
}
