//! What calls ask of AWS, counted, beside what the cost page reckons with.

use std::collections::BTreeMap;
use std::env;
use std::fs;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use stand::local::UNHURRIED;
use stand::proxy::{Proxy, Seen};

use crate::instance::{Instance, Request};
use crate::pair::{Browser, Decision, Pair, Sandbox, Tokens};

/// In the order of the page's columns: reads, reads and queries of claims, writes, items of transactions,
/// signatures.
type Counts = [usize; 6];

/// The most that one write unit takes.
const WRITE_UNIT_BYTES: usize = 1024;

#[tokio::test]
async fn every_call_asks_of_aws_what_the_cost_page_reckons_with() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let proxy = Proxy::before(&sandbox.aws);
    let instance = Instance::start(&proxy.aws(UNHURRIED).await).await;
    let instance = instance.at(&new_address());
    let pair = sandbox.pair(PERSON).await;
    let mut counted = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        // The first calls read keys and open connections, an address's first sign-in makes its count, and a person's
        // first data of a day are noted for the statistics.
        let _ = approved(&pair, &instance).await;
        let first = sandbox.tokens(&pair, &instance).await;
        let noted = Request::get("/v2/fhir/Patient").bearer(&first.access);
        assert_eq!(instance.answer(&noted).await.status, 200);
        pair.works(&instance, &sandbox.tokens(&pair, &instance).await)
            .await;
        counted = round(&proxy, &instance, &pair).await;
        if counted == reckoned() {
            break;
        }
    }
    assert_eq!(counted, reckoned());
    check_sizes(&sandbox, &pair.application.client_id).await;
}

/// A person of the sandbox whom no other trial signs in.
const PERSON: u64 = 15;

/// A day may end within a round, and on a busy machine a count may come after the call that it belongs to.
const ROUNDS_MAX: usize = 5;

/// What each call asks for, one after the other.
async fn round(proxy: &Proxy, instance: &Instance, pair: &Pair) -> BTreeMap<&'static str, Counts> {
    let claims = env::var("CLAIMS_TABLE").unwrap();
    let mut counted = BTreeMap::new();
    let _ = proxy.take_seen();
    let mut note = |name: &'static str| {
        counted.insert(name, counts(&proxy.take_seen(), &claims));
    };
    let code = approved(pair, instance).await;
    note("sign-in and consent");
    let first = tokens(instance, &pair.redemption(&code)).await;
    note("code for tokens");
    let tokens = tokens(instance, &pair.refreshment(&first.refresh)).await;
    note("refresh");
    for (name, path) in [
        ("userinfo", "/v2/connect/userinfo"),
        ("Patient", "/v2/fhir/Patient"),
        ("Coverage", "/v2/fhir/Coverage"),
        (
            "ExplanationOfBenefit, a page of 10",
            "/v2/fhir/ExplanationOfBenefit",
        ),
    ] {
        let answer = instance
            .answer(&Request::get(path).bearer(&tokens.access))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        note(name);
    }
    counted
}

/// An address of the block that documentation uses (RFC 3849), whose failures nobody else counts.
fn new_address() -> String {
    let digits = uuid::Uuid::new_v4().simple().to_string();
    format!("2001:db8::{}:{}", &digits[..4], &digits[4..8])
}

/// The whole way of a browser: it opens the application's link and ends with the code.
async fn approved(pair: &Pair, instance: &Instance) -> String {
    let browser = pair.signed_in(instance).await;
    let page = instance.answer(&browser.look()).await;
    let decision = Pair::decision(&browser, &page, Decision::Connect);
    let mut back = Browser::default();
    back.follow(&instance.answer(&decision).await);
    back.code().expect("a code")
}

async fn tokens(instance: &Instance, request: &Request) -> Tokens {
    let answer = instance.answer(request).await;
    Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"))
}

fn counts(seen: &[Seen], claims: &str) -> Counts {
    let mut counts = Counts::default();
    for call in seen {
        let of_claims = call.tables.iter().any(|table| table == claims);
        let column = match (call.operation.as_str(), of_claims) {
            ("GetItem", false) => 0,
            ("GetItem", true) => 1,
            ("Query", true) => 2,
            ("PutItem" | "UpdateItem" | "DeleteItem", false) => 3,
            ("TransactWriteItems", _) => 4,
            ("Sign", _) => 5,
            (operation, _) => panic!("{operation} of {:?}", call.tables),
        };
        counts[column] += match column {
            4 => call.tables.len(),
            _ => 1,
        };
    }
    counts
}

/// The rows of the page's table of what a call asks of AWS.
fn reckoned() -> BTreeMap<&'static str, Counts> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/docs/cost.md");
    let page: &str = fs::read_to_string(page).unwrap().leak();
    let (_, table) = page.split_once("\n## What a call asks of AWS\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let name = cells.next().unwrap();
        let mut figures = cells.skip(1).map(|cell| cell.parse().unwrap());
        (name, std::array::from_fn(|_| figures.next().unwrap()))
    })
    .collect()
}

/// Every item that the application's calls wrote takes one write unit.
async fn check_sizes(sandbox: &Sandbox, client_id: &str) {
    let client = DynamoDb::new(&sandbox.aws);
    for table in [
        "GRANTS_TABLE",
        "TRANSIENT_TABLE",
        "REFRESH_TOKENS_TABLE",
        "AUDIT_TABLE",
    ] {
        let of_application = client
            .scan()
            .table_name(env::var(table).unwrap())
            .filter_expression("client_id = :client_id")
            .expression_attribute_values(":client_id", AttributeValue::S(client_id.to_owned()));
        let mut items = of_application.into_paginator().items().send();
        let mut found = false;
        while let Some(item) = items.next().await {
            let item = item.unwrap();
            let sizes = item.iter().map(|(name, value)| name.len() + size(value));
            let bytes: usize = sizes.sum();
            assert!(bytes <= WRITE_UNIT_BYTES, "{table}: {bytes} bytes");
            found = true;
        }
        assert!(found, "{table}: nothing was written");
    }
}

fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| name.len() + size(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}
