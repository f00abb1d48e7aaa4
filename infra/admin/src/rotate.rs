//! `rotate`: the signing keys, step by step. The steps, and why they wait for each other: `bluebutton::oauth::rotation`
//! and infra/docs/keys.md. The function `rotate` takes the same ones by the calendar.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::process::ExitCode;

use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::list_aliases::ListAliasesError;
use bluebutton::aws_error::words;
use bluebutton::config;
use bluebutton::oauth::keys::public_key;
use bluebutton::oauth::rotation::{self, Rotation, SigningKeys};
use jiff::Timestamp;

use crate::Outcome;
use crate::print::say;

/// What the aliases of signing keys have behind the name of their stack.
const ALIAS: &str = "/signing-";

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

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    Current,
    Next,
    Previous,
}

/// Takes the step and says what comes next.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let aws = config::aws_of_operator(env!("CARGO_PKG_NAME")).await;
    let (kms, now) = (Kms::new(&aws), Timestamp::now());
    let rotation = Rotation::new(&aws, config::variable("CONFIGURATION_SECRET")?);
    let read = rotation.read().await?;
    let keys = match arguments.step.taken() {
        Some(step) => {
            let aliases = aliases(&kms, read.keys.model()).await?;
            rotation.take(step, &read, &aliases, now).await?
        }
        None => read.keys,
    };
    describe(&kms, &keys, now).await?;
    Ok(ExitCode::SUCCESS)
}

impl Step {
    /// The step of the rotation; none where the keys are only looked at.
    fn taken(self) -> Option<rotation::Step> {
        match self {
            Self::Status => None,
            Self::Prepare => Some(rotation::Step::Prepare),
            Self::Switch => Some(rotation::Step::Switch),
            Self::Finish => Some(rotation::Step::Finish),
            Self::Drop { key, force } => Some(rotation::Step::Drop {
                key: key.of_key(),
                force,
            }),
        }
    }
}

impl Role {
    fn of_key(self) -> rotation::Role {
        match self {
            Self::Current => rotation::Role::Current,
            Self::Next => rotation::Role::Next,
            Self::Previous => rotation::Role::Previous,
        }
    }
}

/// What the aliases of the stack's signing keys begin with, by that of one of them.
async fn aliases(kms: &Kms, key: &str) -> Result<String, String> {
    let found = kms.list_aliases().key_id(key).send().await;
    let found = found.map_err(|error| cannot_list(&error))?;
    let mut names = found
        .aliases()
        .iter()
        .filter_map(|alias| alias.alias_name());
    let family = names.find_map(|name| Some(name.rsplit_once(ALIAS)?.0));
    let family = family.ok_or("the key that signs has no alias like alias/STACK/signing-a")?;
    Ok(format!("{family}{ALIAS}"))
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
    for (id, alias) in unused(kms, keys).await? {
        say!("unused    {id} {} {alias}", state(kms, &id).await?);
    }
    say!("Now it is {now:.0}. What comes next: {}.", keys.advice());
    Ok(())
}

/// The ids and aliases of keys that have an alias like the others' and are named no more, or not yet: they cost
/// something until they are deleted.
async fn unused(kms: &Kms, keys: &SigningKeys) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    // Without such an alias there is no way to tell.
    let Ok(aliases) = aliases(kms, keys.model()).await else {
        return Ok(BTreeMap::new());
    };
    let next = keys.next.as_ref().map(|(arn, _)| arn);
    let named = [Some(&keys.current), next, keys.previous.as_ref()];
    let is_named = |id: &str| named.iter().flatten().any(|arn| arn.ends_with(id));
    let mut unused = BTreeMap::new();
    let mut pages = kms.list_aliases().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| cannot_list(&error))?;
        let keys = page.aliases.unwrap_or_default().into_iter();
        let keys = keys.filter_map(|alias| Some((alias.target_key_id?, alias.alias_name?)));
        unused.extend(keys.filter(|(id, alias)| alias.starts_with(&aliases) && !is_named(id)));
    }
    Ok(unused)
}

/// `Enabled`, `Disabled` or `PendingDeletion`.
async fn state(kms: &Kms, id: &str) -> Result<String, String> {
    let described = kms.describe_key().key_id(id).send().await;
    let described = described.map_err(|error| {
        let why = words(&error);
        format!("a key that is used no more cannot be described: {why}")
    })?;
    let state = described.key_metadata().and_then(|key| key.key_state());
    Ok(state.map_or("unknown", |state| state.as_str()).to_owned())
}

fn cannot_list<R: Debug + 'static>(error: &SdkError<ListAliasesError, R>) -> String {
    let why = words(error);
    format!("the aliases of the keys cannot be read: {why}")
}
