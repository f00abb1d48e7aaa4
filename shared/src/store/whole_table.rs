//! Emptying a table and walking through its keys: for the sandbox and for its lists, never on a request's path.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use tokio::task::JoinSet;

use super::StoreError;
use super::item::Item;

/// The most items that one BatchWriteItem takes.
const BATCH_ITEMS_MAX: usize = 25;

/// How many parts of a table are walked through at a time.
const SEGMENTS: i32 = 8;

/// Deletes every item of a table whose key is `pk` and `sk`, and says how many there were.
pub(super) async fn delete_all(client: &Client, table: &str) -> Result<u64, StoreError> {
    let mut segments = JoinSet::new();
    for segment in 0..SEGMENTS {
        segments.spawn(delete_segment(client.clone(), table.to_owned(), segment));
    }
    let mut deleted = 0;
    while let Some(segment) = segments.join_next().await {
        deleted += segment.expect("deleting does not panic")?;
    }
    Ok(deleted)
}

/// Calls `see` with the key of every item.
pub(super) async fn for_each_key(
    client: &Client,
    table: &str,
    mut see: impl FnMut(&Item) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut pages = client
        .scan()
        .table_name(table)
        .projection_expression("pk, sk")
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for key in page.map_err(StoreError::of)?.items() {
            see(key)?;
        }
    }
    Ok(())
}

async fn delete_segment(client: Client, table: String, segment: i32) -> Result<u64, StoreError> {
    let mut pages = client
        .scan()
        .table_name(&table)
        .projection_expression("pk, sk")
        .consistent_read(true)
        .segment(segment)
        .total_segments(SEGMENTS)
        .into_paginator()
        .send();
    let mut deleted = 0;
    while let Some(page) = pages.next().await {
        let keys = page.map_err(StoreError::of)?.items.unwrap_or_default();
        deleted += keys.len() as u64;
        for batch in keys.chunks(BATCH_ITEMS_MAX) {
            delete_batch(&client, &table, batch).await?;
        }
    }
    Ok(deleted)
}

async fn delete_batch(client: &Client, table: &str, keys: &[Item]) -> Result<(), StoreError> {
    let mut requests = keys
        .iter()
        .map(|key| {
            let delete = DeleteRequest::builder().set_key(Some(key.clone())).build();
            let delete = delete.expect("the key is set");
            WriteRequest::builder().delete_request(delete).build()
        })
        .collect::<Vec<_>>();
    // What a throttled table did not take comes back and is sent again; the SDK paces the calls themselves.
    while !requests.is_empty() {
        let answer = client
            .batch_write_item()
            .request_items(table, requests)
            .send()
            .await
            .map_err(StoreError::of)?;
        let mut unprocessed = answer.unprocessed_items.unwrap_or_default();
        requests = unprocessed.remove(table).unwrap_or_default();
    }
    Ok(())
}
