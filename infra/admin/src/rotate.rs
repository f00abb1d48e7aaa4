//! `rotate`: the signing keys, step by step. Why the steps wait for each other is in infra/docs/keys.md.

use std::error::Error;
use std::process::ExitCode;

use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::error::DisplayErrorContext;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use aws_sdk_secretsmanager::Client as SecretsManager;
use bluebutton::config;
use bluebutton::oauth::keys::public_key;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Outcome;
use crate::print::say;

/// How long a key is published before it signs: longer than anybody keeps a key set.
const PUBLISHED_BEFORE_USE: SignedDuration = SignedDuration::from_hours(24);

/// How long a key is published after it signed: its last token lives an hour, and a function may sign for ten minutes
/// without knowing of the switch.
const PUBLISHED_AFTER_USE: SignedDuration = SignedDuration::from_mins(70);

/// Why the current key is not dropped where no other is known to the functions.
const WITHOUT_NEXT: &str = "there is no next key, so for up to 30 seconds new tokens would be refused: `rotate prepare` \
                            makes one, and a minute later every function knows it; --force drops the key now";

/// The step to take.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Clone, Copy, clap::Subcommand)]
enum Step {
    /// Say which keys there are, and what comes next and when.
    Status,
    /// Make the next key and publish it.
    Prepare,
    /// Let the next key sign, 24 hours after it was published, and make the one after it.
    Switch,
    /// Stop publishing the previous key, 70 minutes after the switch.
    Finish,
    /// Drop a key at once because somebody else may have it: its tokens end within a minute.
    Drop {
        /// The key to drop.
        key: Role,
        /// Drop the current key even without a next one: the new key signs at once, and functions refuse its tokens
        /// for up to 30 seconds, until they look for it.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Current,
    Next,
    Previous,
}

/// The keys as the configuration names them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SigningKeys {
    current: String,
    /// Since when it signs.
    current_since: Timestamp,
    /// With the time since when it is published.
    next: Option<(String, Timestamp)>,
    previous: Option<String>,
}

/// Takes the step and says what comes next.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let aws = config::aws_of_operator(env!("CARGO_PKG_NAME")).await;
    let kms = Kms::new(&aws);
    let configuration = Configuration::read(SecretsManager::new(&aws)).await?;
    let (keys, now) = (configuration.keys()?, Timestamp::now());
    let keys = match arguments.step {
        Step::Status => keys,
        step => {
            let new = match keys.wants_new(step, now)? {
                true => Some(create(&kms, &keys.current, now).await?),
                false => None,
            };
            let changed = keys.after(step, new, now)?;
            configuration.write(&changed).await?;
            changed
        }
    };
    describe(&kms, &keys, now).await?;
    Ok(ExitCode::SUCCESS)
}

impl SigningKeys {
    /// Whether the step makes a new key.
    ///
    /// # Errors
    /// When the step may not be taken, or not yet.
    fn wants_new(&self, step: Step, now: Timestamp) -> Result<bool, String> {
        match (step, &self.next) {
            (Step::Status, _) => Ok(false),
            (Step::Prepare, None) => Ok(true),
            (Step::Prepare, Some(_)) => Err("there is a next key already".into()),
            (Step::Switch, None) => Err("there is no next key: `rotate prepare` makes one".into()),
            (Step::Switch, Some((_, since))) => {
                refuse_before(*since + PUBLISHED_BEFORE_USE, now, "the next key may sign")?;
                self.refuse_before_previous_is_over(now).map(|()| true)
            }
            (Step::Finish, _) if self.previous.is_none() => Err("there is no previous key".into()),
            (Step::Finish, _) => self.refuse_before_previous_is_over(now).map(|()| false),
            (Step::Drop { key, force }, next) => match key {
                Role::Current if next.is_none() && !force => Err(WITHOUT_NEXT.into()),
                Role::Current | Role::Next => Ok(true),
                Role::Previous if self.previous.is_some() => Ok(false),
                Role::Previous => Err("there is no previous key".into()),
            },
        }
    }

    fn refuse_before_previous_is_over(&self, now: Timestamp) -> Result<(), String> {
        match self.previous {
            Some(_) => {
                let over = self.current_since + PUBLISHED_AFTER_USE;
                refuse_before(over, now, "tokens of the previous key are over")
            }
            None => Ok(()),
        }
    }

    /// The keys after a step that may be taken.
    fn after(&self, step: Step, new: Option<String>, now: Timestamp) -> Result<Self, String> {
        let before = self.clone();
        let new = new.map(|arn| (arn, now));
        Ok(match step {
            Step::Status => before,
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
                next: self.next.as_ref().and(new),
                previous: before.previous,
            },
        })
    }

    fn successor(&self, new: &Option<(String, Timestamp)>) -> Result<String, String> {
        let successor = self.next.as_ref().or(new.as_ref());
        let (arn, _) = successor.ok_or("there is no next key")?;
        Ok(arn.clone())
    }

    /// What to do next.
    fn advice(&self) -> String {
        match (&self.previous, &self.next) {
            (Some(_), _) => {
                let over = self.current_since + PUBLISHED_AFTER_USE;
                format!("`rotate finish` from {over:.0} on")
            }
            (None, None) => "`rotate prepare`".to_owned(),
            (None, Some((_, since))) => {
                let ready = *since + PUBLISHED_BEFORE_USE;
                format!("`rotate switch`, possible from {ready:.0} on, due 90 days after the last")
            }
        }
    }
}

fn refuse_before(time: Timestamp, now: Timestamp, what: &str) -> Result<(), String> {
    match now < time {
        true => Err(format!("not yet: {what} from {time:.0} on")),
        false => Ok(()),
    }
}

/// The configuration secret, with everything else that is in it.
struct Configuration {
    secrets: SecretsManager,
    name: String,
    value: Value,
    /// When it was written: whatever it says without a time has held since then at least.
    written: Timestamp,
}

impl Configuration {
    async fn read(secrets: SecretsManager) -> Result<Self, Box<dyn Error>> {
        let name = config::variable("CONFIGURATION_SECRET")?;
        let answer = secrets.get_secret_value().secret_id(&name).send().await;
        let answer = answer.map_err(explain("the configuration cannot be read"))?;
        let written = answer.created_date().map(|date| date.secs());
        let written = written.ok_or("the configuration does not say when it was written")?;
        let value = serde_json::from_str(answer.secret_string().unwrap_or_default())?;
        Ok(Self {
            secrets,
            name,
            value,
            written: Timestamp::from_second(written)?,
        })
    }

    fn keys(&self) -> Result<SigningKeys, Box<dyn Error>> {
        let keys = &self.value["signing_keys"];
        let text = |name: &str| keys[name].as_str().map(str::to_owned);
        let since = |name: &str| match keys[name].as_str() {
            Some(time) => time.parse(),
            None => Ok(self.written),
        };
        let next_since = since("next_since")?;
        Ok(SigningKeys {
            current: text("current").ok_or("the configuration names no current key")?,
            current_since: since("current_since")?,
            next: text("next").map(|arn| (arn, next_since)),
            previous: text("previous"),
        })
    }

    async fn write(&self, keys: &SigningKeys) -> Result<(), Box<dyn Error>> {
        let mut value = self.value.clone();
        let next = keys.next.as_ref();
        value["signing_keys"] = json!({
            "current": keys.current,
            "current_since": keys.current_since.to_string(),
            "next": next.map(|(arn, _)| arn),
            "next_since": next.map(|(_, since)| since.to_string()),
            "previous": keys.previous,
        });
        let put = self.secrets.put_secret_value().secret_id(&self.name);
        let written = put.secret_string(value.to_string()).send().await;
        written.map_err(explain("the configuration cannot be written"))?;
        Ok(())
    }
}

/// A new signing key like the one of that ARN: with its policy, and with an alias beside its alias, by which the
/// functions' roles know it (infra/access.yaml).
async fn create(kms: &Kms, like: &str, now: Timestamp) -> Result<String, Box<dyn Error>> {
    let aliases = kms.list_aliases().key_id(like).send().await;
    let aliases = aliases.map_err(explain("the aliases of the current key cannot be read"))?;
    let mut names = aliases
        .aliases()
        .iter()
        .filter_map(|alias| alias.alias_name());
    let family = names.find_map(|name| Some(name.rsplit_once("/signing-")?.0));
    let family = family.ok_or("the current key has no alias like alias/STACK/signing-a")?;
    let alias = format!("{family}/signing-{}", now.strftime("%Y%m%d%H%M%S"));

    let policy = kms.get_key_policy().key_id(like).policy_name("default");
    let policy = policy.send().await;
    let policy = policy.map_err(explain("the policy of the current key cannot be read"))?;
    let created = kms
        .create_key()
        .description("Signs access tokens (ES256).")
        .key_spec(KeySpec::EccNistP256)
        .key_usage(KeyUsageType::SignVerify)
        .multi_region(true)
        .set_policy(policy.policy)
        .send()
        .await
        .map_err(explain("no key can be made"))?;
    let arn = created.key_metadata().and_then(|key| key.arn());
    let arn = arn.ok_or("KMS made a key and does not say which")?;
    let named = kms.create_alias().alias_name(&alias).target_key_id(arn);
    named
        .send()
        .await
        .map_err(explain("the new key cannot be named"))?;
    Ok(arn.to_owned())
}

async fn describe(kms: &Kms, keys: &SigningKeys, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let next = keys.next.as_ref().map(|(arn, _)| arn);
    for (role, arn) in [
        ("current", Some(&keys.current)),
        ("next", next),
        ("previous", keys.previous.as_ref()),
    ] {
        let Some(arn) = arn else {
            say!("{role:9} none");
            continue;
        };
        say!("{role:9} {} {arn}", public_key(kms, arn).await?.kid);
    }
    say!("Now it is {now:.0}. What comes next: {}.", keys.advice());
    Ok(())
}

fn explain<E: Error + 'static>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {}", DisplayErrorContext(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

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
    fn step(keys: &SigningKeys, step: Step, seconds: i64) -> Result<SigningKeys, String> {
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
        check(b_c_a.clone(), Step::Finish, 70 * 60 - 1, None);
        check(b_c_a.clone(), Step::Finish, 70 * 60, Some(["b", "c", "-"]));
        check(b_c_a.clone(), Step::Switch, DAY, Some(["c", "n", "b"]));
        check(a_b.clone(), Step::Finish, DAY, None);
        let drop = |key| Step::Drop { key, force: false };
        let force = |key| Step::Drop { key, force: true };
        check(a_b.clone(), drop(Role::Current), 0, Some(["b", "n", "-"]));
        check(a.clone(), drop(Role::Current), 0, None);
        check(a.clone(), force(Role::Current), 0, Some(["n", "-", "-"]));
        check(a.clone(), force(Role::Previous), 0, None);
        check(b_c_a.clone(), drop(Role::Current), 0, Some(["c", "n", "a"]));
        check(a_b.clone(), drop(Role::Next), 0, Some(["a", "n", "-"]));
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
        assert!(step(&switched, Step::Finish, DAY + 70 * 60 - 1).is_err());
        let finished = step(&switched, Step::Finish, DAY + 70 * 60).expect("in time");
        assert!(step(&finished, Step::Switch, 2 * DAY - 1).is_err());
        assert!(step(&finished, Step::Switch, 2 * DAY).is_ok());
    }
}
