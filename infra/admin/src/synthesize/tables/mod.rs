//! What the synthetic world is made of, as data: places, names, services, drugs, conditions, hospital stays, stories.
//!
//! Codes are those of the public code systems (ICD-10-CM and -PCS, HCPCS, revenue centres, BETOS, NDC); prices are
//! round figures of the right order, so that metformin is cheap and insulin dear.

// Amounts are cents; the last group of their digits stands where people expect the cents.
#![allow(clippy::inconsistent_digit_grouping)]

pub(super) mod conditions;
pub(super) mod drugs;
pub(super) mod facilities;
pub(super) mod names;
pub(super) mod places;
pub(super) mod rates;
pub(super) mod services;
pub(super) mod stories;
