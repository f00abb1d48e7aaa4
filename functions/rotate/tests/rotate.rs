//! The rotation by the calendar on the keys and the secrets of the local AWS. Days pass by what the configuration says
//! of its keys' ages.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MultiRegionKeyType, Tag};
use aws_sdk_secretsmanager::Client as SecretsManager;
use bluebutton::oauth::rotation::{Role, Rotation, RotationError, Step};
use jiff::{SignedDuration, Timestamp};
use rotate::{State, handle, signing};
use serde_json::{Value, json};
use stand::local;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A configuration of the test's own, and the keys that it names.
struct World {
    kms: Kms,
    secrets: SecretsManager,
    name: String,
    state: State,
}

impl World {
    /// One key, and a configuration that names it.
    async fn begin(test: &str) -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &[]).await?;
        let name = format!("rotate-{test}-{}", uuid::Uuid::new_v4());
        let world = Self {
            kms: Kms::new(&aws),
            secrets: SecretsManager::new(&aws),
            state: State {
                rotation: Rotation::new(&aws, name.clone()),
                aliases: format!("alias/{name}/signing-"),
                signing: signing(90),
            },
            name,
        };
        let created = world.kms.create_key().key_spec(KeySpec::EccNistP256);
        let created = created.key_usage(KeyUsageType::SignVerify).policy(POLICY);
        let created = created.send().await.unwrap();
        let first = created.key_metadata().unwrap().arn().unwrap();
        let configuration = json!({"stage": "sandbox", "signing_keys": {"current": first}});
        let create = world.secrets.create_secret().name(&world.name);
        let create = create.secret_string(configuration.to_string());
        create.send().await.unwrap();
        Some(world)
    }

    /// What the configuration says.
    async fn configuration(&self) -> Value {
        let answer = self.secrets.get_secret_value().secret_id(&self.name);
        let answer = answer.send().await.unwrap();
        serde_json::from_str(answer.secret_string().unwrap()).unwrap()
    }

    /// The keys: current, next and previous.
    async fn keys(&self) -> [Option<String>; 3] {
        let keys = self.configuration().await["signing_keys"].take();
        ["current", "next", "previous"].map(|name| keys[name].as_str().map(str::to_owned))
    }

    /// Makes the configuration say that its keys are that old.
    async fn age(&self, current: SignedDuration, next: SignedDuration) {
        let mut configuration = self.configuration().await;
        let keys = &mut configuration["signing_keys"];
        keys["current_since"] = (Timestamp::now() - current).to_string().into();
        keys["next_since"] = (Timestamp::now() - next).to_string().into();
        self.write(&configuration).await;
    }

    async fn write(&self, configuration: &Value) {
        let put = self.secrets.put_secret_value().secret_id(&self.name);
        let put = put.secret_string(configuration.to_string());
        put.send().await.unwrap();
    }

    /// What a run of now says it did.
    async fn run(&self) -> &'static str {
        let now = Timestamp::now();
        let report = handle(&self.state, &event(now), now).await.unwrap();
        report.step
    }

    /// How many keys the function has made, those without a name among them: all have its tag.
    async fn made(&self) -> usize {
        let mut pages = self.kms.list_keys().into_paginator().items().send();
        let mut made = 0;
        while let Some(key) = pages.next().await {
            let key = key.unwrap();
            let tags = self.kms.list_resource_tags().key_id(key.key_id().unwrap());
            let tags = tags.send().await.unwrap();
            let is_own = |tag: &Tag| tag.tag_value() == self.state.aliases;
            made += usize::from(tags.tags().iter().any(is_own));
        }
        made
    }

    /// How many of them have a name.
    async fn named(&self) -> usize {
        let pages = self.kms.list_aliases().into_paginator().items().send();
        let aliases = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        let names = aliases.iter().filter_map(|alias| alias.alias_name());
        names
            .filter(|name| name.starts_with(&self.state.aliases))
            .count()
    }

    /// The key is one that signs, like the first, and can be found by its tag.
    async fn is_like_the_first(&self, arn: &str) {
        let described = self.kms.describe_key().key_id(arn).send().await.unwrap();
        let key = described.key_metadata().unwrap();
        assert_eq!(key.key_spec(), Some(&KeySpec::EccNistP256));
        assert_eq!(key.key_usage(), Some(&KeyUsageType::SignVerify));
        let regions = key.multi_region_configuration().unwrap();
        let kind = regions.multi_region_key_type();
        assert_eq!(kind, Some(&MultiRegionKeyType::Primary));
        let policy = self.kms.get_key_policy().key_id(arn).send().await.unwrap();
        assert_eq!(policy.policy(), Some(POLICY));
        let tags = self.kms.list_resource_tags().key_id(arn).send().await;
        let tags = tags.unwrap();
        let [tag] = tags.tags() else {
            panic!("{tags:?}");
        };
        assert_eq!(tag.tag_key(), "SigningKeys");
        assert_eq!(tag.tag_value(), self.state.aliases);
    }
}

/// Of a key that nobody has made.
const GONE: &str = "arn:aws:kms:us-east-1:000000000000:key/mrk-gone";

/// A policy that no key gets by itself.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"TheAccountDecides","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"}]}"#;

fn event(time: Timestamp) -> Value {
    json!({"detail-type": "Scheduled Event", "time": time.to_string()})
}

#[tokio::test]
async fn a_key_is_made_signs_for_ninety_days_and_goes() {
    let Some(world) = World::begin("life").await else {
        return;
    };
    let [first, none, _] = world.keys().await;
    assert_eq!(none, None);
    assert_eq!(world.run().await, "prepare");
    assert_eq!(world.run().await, "none");
    let [current, second, _] = world.keys().await;
    assert_eq!(current, first);
    world.is_like_the_first(second.as_ref().unwrap()).await;

    world.age(DAY * 90, HOUR * 23).await;
    assert_eq!(world.run().await, "none");
    world.age(DAY * 89, DAY).await;
    assert_eq!(world.run().await, "none");
    world.age(DAY * 90, DAY).await;
    assert_eq!(world.run().await, "switch");
    let [current, third, previous] = world.keys().await;
    assert_eq!((&current, &previous), (&second, &first));
    world.is_like_the_first(third.as_ref().unwrap()).await;

    world.age(MINUTE * 69, DAY).await;
    assert_eq!(world.run().await, "none");
    world.age(MINUTE * 70, DAY).await;
    assert_eq!(world.run().await, "finish");
    assert_eq!(world.keys().await, [second, third, None]);
    assert_eq!(world.run().await, "none");
    assert_eq!(world.made().await, 2);
    assert_eq!(world.configuration().await["stage"], "sandbox");
}

#[tokio::test]
async fn two_runs_at_once_change_the_keys_once() {
    const RUNS: usize = 2;
    let Some(world) = World::begin("twice").await else {
        return;
    };
    assert_eq!(world.run().await, "prepare");
    let [first, second, _] = world.keys().await;
    for _ in 0..5 {
        world.age(DAY * 90, DAY).await;
        let before = world.keys().await;
        let (made, named) = (world.made().await, world.named().await);
        let done: [&str; RUNS] = tokio::join!(world.run(), world.run()).into();
        let switched = done.iter().filter(|step| **step == "switch").count();
        assert_eq!(switched, 1, "{done:?}");
        let after = world.keys().await;
        assert_eq!((&after[0], &after[2]), (&before[1], &before[0]));
        assert_eq!(world.named().await, named + 1);
        // Who is second may have made a key before it is told, and has no right to delete one.
        let made = world.made().await - made;
        assert!((1..=RUNS).contains(&made), "{made} keys");
        world.age(HOUR * 2, DAY).await;
        let done: [&str; RUNS] = tokio::join!(world.run(), world.run()).into();
        let finished = done.iter().filter(|step| **step == "finish").count();
        assert_eq!(finished, 1, "{done:?}");
        assert_eq!(world.keys().await[2], None);
    }
    assert!(first != second && !world.keys().await.contains(&first));
}

#[tokio::test]
async fn who_read_an_older_configuration_changes_nothing() {
    let Some(world) = World::begin("older").await else {
        return;
    };
    let rotation = &world.state.rotation;
    let take = |step, read| rotation.take(step, read, &world.state.aliases, Timestamp::now());
    let [one, other] = [
        rotation.read().await.unwrap(),
        rotation.read().await.unwrap(),
    ];
    take(Step::Prepare, &one).await.unwrap();
    let keys = world.keys().await;
    let refused = take(Step::Prepare, &other).await;
    assert_eq!(refused, Err(RotationError::Changed));
    assert_eq!(world.keys().await, keys);
    // It had found the key that the other one made.
    assert_eq!(world.made().await, 1);

    // An operator who writes with AWS's own tools is somebody else, too.
    world.age(DAY * 90, DAY).await;
    let read = rotation.read().await.unwrap();
    world.age(DAY * 91, DAY).await;
    let written = world.configuration().await;
    let refused = take(Step::Switch, &read).await;
    assert_eq!(refused, Err(RotationError::Changed));
    assert_eq!(world.configuration().await, written);
}

#[tokio::test]
async fn a_run_that_stops_half_way_changes_nothing_and_the_next_goes_on_from_there() {
    let Some(world) = World::begin("half-way").await else {
        return;
    };
    let before = world.configuration().await;
    let get = || world.secrets.get_secret_value().secret_id(&world.name);
    let version = get().send().await.unwrap().version_id.unwrap();
    assert_eq!(world.run().await, "prepare");
    let [_, made, _] = world.keys().await;
    let newer = get().send().await.unwrap().version_id.unwrap();
    // As if the run had stopped in front of its last call.
    let back = world.secrets.update_secret_version_stage();
    let back = back.secret_id(&world.name).version_stage("AWSCURRENT");
    let back = back
        .move_to_version_id(&version)
        .remove_from_version_id(newer);
    back.send().await.unwrap();
    assert_eq!(world.configuration().await, before);

    assert_eq!(world.run().await, "prepare");
    let [_, next, _] = world.keys().await;
    assert_eq!(next, made);
    assert_eq!(world.made().await, 1);
}

/// A key that somebody else may have goes although KMS gives no new one: none is asked for.
#[tokio::test]
async fn a_key_that_is_gone_is_dropped_and_none_is_made_for_it() {
    let Some(world) = World::begin("gone").await else {
        return;
    };
    assert_eq!(world.run().await, "prepare");
    let [_, next, _] = world.keys().await;
    let mut configuration = world.configuration().await;
    configuration["signing_keys"]["current"] = GONE.into();
    world.write(&configuration).await;
    let rotation = &world.state.rotation;
    let read = rotation.read().await.unwrap();
    let drop = Step::Drop {
        key: Role::Current,
        force: false,
    };
    let (aliases, now) = (&world.state.aliases, Timestamp::now());
    let made = world.made().await;
    let keys = rotation.take(drop, &read, aliases, now).await.unwrap();
    assert_eq!((Some(keys.current), keys.next), (next, None));
    assert_eq!(world.made().await, made);
    assert_eq!(world.run().await, "prepare");
    let [_, next, _] = world.keys().await;
    world.is_like_the_first(&next.unwrap()).await;
}

#[tokio::test]
async fn where_an_operator_rotates_the_age_is_told_and_nothing_is_done() {
    let Some(mut world) = World::begin("by-hand").await else {
        return;
    };
    world.state.signing = signing(0);
    world.age(DAY * 120, DAY).await;
    let before = world.configuration().await;
    let now = Timestamp::now();
    let report = handle(&world.state, &event(now), now).await.unwrap();
    assert_eq!((report.step, report.age_days), ("left to an operator", 120));
    assert_eq!(world.configuration().await, before);
}

#[tokio::test]
async fn a_run_of_another_time_or_without_a_configuration_fails() {
    let Some(world) = World::begin("failures").await else {
        return;
    };
    let now = Timestamp::now();
    let check = async |event: Value, expected: &str| {
        let error = handle(&world.state, &event, now).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{event}");
    };
    let another_time = "the event is not of this time";
    check(json!({}), another_time).await;
    check(json!({"time": "today"}), another_time).await;
    check(event(now - HOUR * 3), another_time).await;
    check(event(now + HOUR * 3), another_time).await;
    assert_eq!(world.keys().await[1], None);
    world.write(&json!({"stage": "sandbox"})).await;
    check(event(now), "the configuration names no current key").await;
    let keys = json!({"signing_keys": {"current": "a", "current_since": "long ago"}});
    world.write(&keys).await;
    let no_time = "the configuration holds a time that is none";
    check(event(now), no_time).await;
    let delete = world.secrets.delete_secret().secret_id(&world.name);
    let deleted = delete.force_delete_without_recovery(true).send().await;
    deleted.unwrap();
    let error = handle(&world.state, &event(now), now).await.unwrap_err();
    let said = error.to_string();
    let begins = "the configuration cannot be read: ResourceNotFoundException";
    assert!(said.starts_with(begins), "{said}");
}
