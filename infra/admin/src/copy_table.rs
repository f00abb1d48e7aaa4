//! `copy-table`: the items that a table lacks, out of a copy of it that was restored from a backup.

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType};
use bluebutton::aws_error::words;
use bluebutton::config;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::print::say;

/// Which tables.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The table to read.
    #[arg(long)]
    from: String,
    /// The table to write, of the same key.
    #[arg(long)]
    to: String,
    /// Also write the items that are there already, as they are in the other table.
    #[arg(long)]
    replace: bool,
}

/// What happens to an item that the target holds already.
#[derive(Clone, Copy)]
enum Existing {
    Keep,
    Replace,
}

/// How many items are written at once: one after another, a million would take hours.
const ITEMS_AT_ONCE: usize = 64;

/// How many items were written, and how many were there already.
#[derive(Default)]
struct Count {
    copied: u64,
    kept: u64,
}

/// The table that is written.
#[derive(Clone)]
struct Target {
    client: Client,
    table: String,
    key: String,
    existing: Existing,
}

/// The writes that are under way: whether each item was written.
type Writes = JoinSet<Result<bool, String>>;

/// Copies and counts; nothing of an item is printed.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let client = Client::new(&config::aws_of_operator(env!("CARGO_PKG_NAME")).await);
    let key = hash_key(&client, &arguments.to).await?;
    if hash_key(&client, &arguments.from).await? != key {
        return Err("the tables do not have the same key".into());
    }
    let existing = match arguments.replace {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    let source = client.scan().table_name(&arguments.from);
    let target = Target {
        client,
        table: arguments.to,
        key,
        existing,
    };
    let mut count = Count::default();
    let mut writes = Writes::new();
    let mut items = source.consistent_read(true).into_paginator().items().send();
    while let Some(item) = items.next().await {
        let item = item.map_err(|error| words(&error))?;
        if writes.len() == ITEMS_AT_ONCE {
            count.add_next(&mut writes).await?;
        }
        writes.spawn(target.clone().put(item));
    }
    while !writes.is_empty() {
        count.add_next(&mut writes).await?;
    }
    say!("{} copied, {} left as they were", count.copied, count.kept);
    Ok(ExitCode::SUCCESS)
}

impl Count {
    /// Counts the next write that ends.
    async fn add_next(&mut self, writes: &mut Writes) -> Result<(), Box<dyn Error>> {
        match writes.join_next().await.transpose()?.transpose()? {
            Some(true) => self.copied += 1,
            Some(false) => self.kept += 1,
            None => {}
        }
        Ok(())
    }
}

/// The name of the partition key.
async fn hash_key(client: &Client, table: &str) -> Result<String, Box<dyn Error>> {
    let answer = client.describe_table().table_name(table).send().await;
    let answer = answer.map_err(|error| words(&error))?;
    let keys = answer.table.and_then(|described| described.key_schema);
    let keys = keys.unwrap_or_default();
    let hash = keys.into_iter().find(|key| key.key_type == KeyType::Hash);
    let hash = hash.ok_or_else(|| format!("{table} has no key"))?;
    Ok(hash.attribute_name)
}

impl Target {
    /// Whether the item was written.
    async fn put(self, item: HashMap<String, AttributeValue>) -> Result<bool, String> {
        let put = self.client.put_item().table_name(self.table);
        let mut put = put.set_item(Some(item));
        if let Existing::Keep = self.existing {
            put = put
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", self.key);
        }
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            // What it says of an item may quote the key.
            Err(error) => Err(format!(
                "an item cannot be written: {}",
                error.code().unwrap_or("no answer")
            )),
        }
    }
}
