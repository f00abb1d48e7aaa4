//! Emptying a table and walking through it: for the sandbox, operators and the daily counts, never on a request's path.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, Select, WriteRequest};
use tokio::task::JoinSet;

use super::StoreError;
use super::item::Item;
use super::patience::patiently;

/// The most items that one BatchWriteItem takes.
const BATCH_ITEMS_MAX: usize = 25;

/// How many items are read before they are deleted.
const PAGE_ITEMS: i32 = 1000;

/// Deletes every item of a table whose key is `pk` and `sk`, and says how many there were.
pub(super) async fn delete_all(client: &Client, table: &str) -> Result<u64, StoreError> {
    let mut deleted = 0;
    let mut last = None;
    loop {
        let page = patiently(|| page(client, table, last.clone())).await?;
        deleted += page.keys.len() as u64;
        delete(client, table, &page.keys).await?;
        last = page.last;
        if last.is_none() {
            return Ok(deleted);
        }
    }
}

/// Calls `see` with the key of every item.
pub(super) async fn for_each_key(
    client: &Client,
    table: &str,
    mut see: impl FnMut(&Item) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let page = patiently(|| page(client, table, last.clone())).await?;
        page.keys.iter().try_for_each(&mut see)?;
        last = page.last;
        if last.is_none() {
            return Ok(());
        }
    }
}

/// Every item that the scan lets through, strongly consistent.
pub(super) async fn all(scan: ScanFluentBuilder) -> Result<Vec<Item>, StoreError> {
    let found = scan.consistent_read(true).into_paginator().items().send();
    let found: Result<Vec<_>, _> = found.collect().await;
    found.map_err(StoreError::of)
}

/// Calls `see` with what `read` makes of every item's attributes of that projection. Eventually consistent, which costs
/// half: what is counted is a day's and not a moment's.
pub(super) async fn for_each<T>(
    client: &Client,
    (table, projection): (&str, &str),
    read: impl Fn(&Item) -> Result<T, StoreError>,
    mut see: impl FnMut(T),
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let page = patiently(|| {
            let scan = client.scan().table_name(table);
            let scan = scan
                .projection_expression(projection)
                .select(Select::SpecificAttributes);
            let page = scan.set_exclusive_start_key(last.clone()).send();
            async { page.await.map_err(StoreError::of) }
        });
        let page = page.await?;
        for item in page.items() {
            see(read(item)?);
        }
        last = page.last_evaluated_key;
        if last.is_none() {
            return Ok(());
        }
    }
}

/// Some keys of a table, and where the next ones begin.
struct Page {
    keys: Vec<Item>,
    last: Option<Item>,
}

async fn page(client: &Client, table: &str, after: Option<Item>) -> Result<Page, StoreError> {
    let answer = client
        .scan()
        .table_name(table)
        .projection_expression("pk, sk")
        .consistent_read(true)
        .limit(PAGE_ITEMS)
        .set_exclusive_start_key(after)
        .send()
        .await
        .map_err(StoreError::of)?;
    Ok(Page {
        keys: answer.items.unwrap_or_default(),
        last: answer.last_evaluated_key,
    })
}

async fn delete(client: &Client, table: &str, keys: &[Item]) -> Result<(), StoreError> {
    let mut batches = JoinSet::new();
    for keys in keys.chunks(BATCH_ITEMS_MAX) {
        let (client, table, keys) = (client.clone(), table.to_owned(), keys.to_vec());
        batches.spawn(async move { patiently(|| delete_batch(&client, &table, &keys)).await });
    }
    while let Some(batch) = batches.join_next().await {
        batch.expect("deleting does not panic")?;
    }
    Ok(())
}

async fn delete_batch(client: &Client, table: &str, keys: &[Item]) -> Result<(), StoreError> {
    let request = |key: &Item| {
        let delete = DeleteRequest::builder().set_key(Some(key.clone())).build();
        WriteRequest::builder()
            .delete_request(delete.expect("the key is set"))
            .build()
    };
    let requests = keys.iter().map(request).collect();
    let answer = client
        .batch_write_item()
        .set_request_items(Some(HashMap::from([(table.to_owned(), requests)])))
        .send()
        .await
        .map_err(StoreError::of)?;
    // What a throttled table did not take comes back; deleting the whole batch again does no harm.
    match answer.unprocessed_items {
        Some(left) if !left.is_empty() => Err(StoreError::Throttled),
        _ => Ok(()),
    }
}
