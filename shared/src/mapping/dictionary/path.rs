//! As much of FHIRPath as the field dictionary uses: members, `where` with `and`, `or` and nested paths.
//!
//! The dictionary's positions (`[0]`, `[%n]`) count what its authors had before them, not what the elements are about,
//! so they are skipped: a path finds every element. Texts are compared without regard to case, as the dictionary spells
//! codes freely.

use serde_json::Value;

/// Everything at the path, or where the path cannot be read.
pub(super) fn find<'v>(root: &'v Value, path: &str) -> Result<Vec<&'v Value>, String> {
    let mut parser = Parser { rest: path };
    let found = parser.path(vec![root])?;
    if parser.rest.trim().is_empty() {
        Ok(found)
    } else {
        Err(format!("cannot read {:?} of {path}", parser.rest))
    }
}

#[derive(Clone, Copy)]
struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn path<'v>(&mut self, mut found: Vec<&'v Value>) -> Result<Vec<&'v Value>, String> {
        loop {
            let name = self.word()?;
            if name == "where" {
                found = self.filter(found)?;
            } else {
                let members = found.into_iter().filter_map(|value| value.get(name));
                found = members.flat_map(elements).collect();
            }
            while self.eats("[") {
                let (_, rest) = self.rest.split_once(']').ok_or("an open bracket")?;
                self.rest = rest;
            }
            if !self.eats(".") {
                return Ok(found);
            }
        }
    }

    fn filter<'v>(&mut self, found: Vec<&'v Value>) -> Result<Vec<&'v Value>, String> {
        if !self.eats("(") {
            return Err("`where` without a condition".to_owned());
        }
        let start = *self;
        let mut kept = Vec::new();
        // The condition is read once at least, so that the parser gets past it.
        self.holds(&Value::Null)?;
        let end = *self;
        for value in found {
            *self = start;
            if self.holds(value)? {
                kept.push(value);
            }
        }
        *self = end;
        if !self.eats(")") {
            return Err(format!("a condition that goes on: {:?}", self.rest));
        }
        Ok(kept)
    }

    fn holds(&mut self, value: &Value) -> Result<bool, String> {
        let mut holds = self.comparison(value)?;
        loop {
            if self.eats("and ") {
                let other = self.comparison(value)?;
                holds = holds && other;
            } else if self.eats("or ") {
                let other = self.comparison(value)?;
                holds = holds || other;
            } else {
                return Ok(holds);
            }
        }
    }

    /// `path = 'text'`, or a path alone, which asks whether there is something.
    fn comparison(&mut self, value: &Value) -> Result<bool, String> {
        let found = self.path(vec![value])?;
        if !self.eats("=") {
            return Ok(!found.is_empty());
        }
        let rest = self.rest.trim_start().strip_prefix('\'');
        let (text, rest) = (rest.and_then(|rest| rest.split_once('\''))).ok_or("no text")?;
        self.rest = rest;
        Ok(found.iter().any(|found| is_text(found, text)))
    }

    fn word(&mut self) -> Result<&'t str, String> {
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        if word.is_empty() {
            return Err(format!("no name at {rest:?}"));
        }
        self.rest = rest;
        Ok(word)
    }

    fn eats(&mut self, token: &str) -> bool {
        let eaten = self.rest.trim_start().strip_prefix(token);
        self.rest = eaten.unwrap_or(self.rest);
        eaten.is_some()
    }
}

/// Whether a value is this text.
pub(super) fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.eq_ignore_ascii_case(text),
        Value::Bool(found) => text == if *found { "true" } else { "false" },
        _ => false,
    }
}

fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        one => vec![one],
    }
}

#[test]
fn finds_what_the_dictionary_means() {
    let resource = serde_json::json!({"item": [
        {"adjudication": [
            {"category": {"coding": [{"system": "s", "code": "A"}, {"system": "t"}]}, "amount": {"value": 1}},
            {"category": {"coding": [{"system": "s", "code": "b"}]}, "amount": {"value": 2}},
        ]},
        {"sequence": 3},
    ]});
    let check = |path: &str, expected: &[i64]| {
        let found = find(&resource, path).unwrap();
        let found: Vec<i64> = found.into_iter().filter_map(Value::as_i64).collect();
        assert_eq!(found, expected, "{path}");
    };
    check("item[%n].sequence", &[3]);
    check("item.adjudication.amount.value", &[1, 2]);
    let amount = |condition: &str| format!("item[%n].adjudication.where({condition}).amount.value");
    check(&amount("category.coding.code='a'"), &[1]);
    check(
        &amount("category.coding.where(system = 's' and code='b')"),
        &[2],
    );
    check(
        &amount("category.coding.where(code = 'a' or code = 'b')"),
        &[1, 2],
    );
    check(
        &amount("category.coding.where(system='t' and code='a')"),
        &[],
    );
    assert!(find(&resource, "item.where(").is_err());
    assert!(find(&resource, "item.where(code)'").is_err());
}
