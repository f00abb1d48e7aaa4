//! Typed attributes of the authorization tables' items.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{
    StoreError,
    item::{self, Item},
};
use crate::{identity::BeneId, oauth::Scopes};

/// An item of those attributes.
pub(super) fn item_of<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    let named = |(name, value): (&str, _)| (name.to_owned(), value);
    attributes.into_iter().map(named).collect()
}

/// A moment as seconds of 1970, which is also what DynamoDB's time to live reads.
pub(super) fn seconds(moment: Timestamp) -> AttributeValue {
    item::number(moment.as_second())
}

pub(super) fn put_optional(item: &mut Item, name: &str, value: Option<AttributeValue>) {
    if let Some(value) = value {
        item.insert(name.to_owned(), value);
    }
}

pub(super) fn read_optional_string(
    item: &Item,
    name: &'static str,
) -> Result<Option<String>, StoreError> {
    match item.contains_key(name) {
        true => item::read_string(item, name).map(|text| Some(text.to_owned())),
        false => Ok(None),
    }
}

pub(super) fn read_text(item: &Item, name: &'static str) -> Result<String, StoreError> {
    item::read_string(item, name).map(str::to_owned)
}

pub(super) fn read_bool(item: &Item, name: &'static str) -> Result<bool, StoreError> {
    let value = item.get(name).and_then(|value| value.as_bool().ok());
    value.copied().ok_or(StoreError::Corrupt(name))
}

pub(super) fn read_seconds(item: &Item, name: &'static str) -> Result<Timestamp, StoreError> {
    read_optional_seconds(item, name)?.ok_or(StoreError::Corrupt(name))
}

pub(super) fn read_optional_seconds(
    item: &Item,
    name: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    read_optional_number(item, name)?
        .map(|seconds| Timestamp::from_second(seconds).map_err(|_| StoreError::Corrupt(name)))
        .transpose()
}

pub(super) fn read_number(item: &Item, name: &'static str) -> Result<i64, StoreError> {
    read_optional_number(item, name)?.ok_or(StoreError::Corrupt(name))
}

pub(super) fn read_scopes(item: &Item, name: &'static str) -> Result<Scopes, StoreError> {
    Scopes::parse(item::read_string(item, name)?).ok_or(StoreError::Corrupt(name))
}

pub(super) fn read_bene_id(item: &Item, name: &'static str) -> Result<BeneId, StoreError> {
    BeneId::parse(item::read_string(item, name)?).ok_or(StoreError::Corrupt(name))
}

fn read_optional_number(item: &Item, name: &'static str) -> Result<Option<i64>, StoreError> {
    let Some(value) = item.get(name) else {
        return Ok(None);
    };
    let number = value.as_n().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or(StoreError::Corrupt(name))
}
