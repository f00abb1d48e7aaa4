//! What holds for every answer of every mapping, and values to try it with.

use serde_json::Value as Json;

use crate::rif::Kind;

/// Values that are easily taken for another or for none: blanks, zeros in every spelling, codes that return.
pub(crate) fn deceptive(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text => &[
            "", " ", "0", "00", "01", "1", "9", " A02", "A02 ", "a02", "A\\\"2", "250.00", "É",
        ],
        Kind::Char => &["", " ", "0", "1", "2", "9", "C", "F", "N", "\""],
        Kind::Integer => &["", "0", "1", "7", "77123"],
        Kind::Decimal => &["", "0", "0.00", "0.40", "-12.50", "84999.37", "0007.10"],
        Kind::Date => &["", "07-MAR-1971", "29-FEB-2016", "20160116"],
    }
}

/// Asserts that nothing in the answer is empty and that no text has blanks around it.
pub(crate) fn assert_well_formed(path: &str, value: &Json) {
    let is_empty = match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    };
    assert!(!is_empty, "{path} is empty");
    match value {
        Json::String(text) => assert_eq!(text.trim(), text, "{path}"),
        Json::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                assert_well_formed(&format!("{path}/{at}"), element);
            }
        }
        Json::Object(members) => {
            for (key, member) in members {
                assert_well_formed(&format!("{path}/{key}"), member);
            }
        }
        _ => {}
    }
}
