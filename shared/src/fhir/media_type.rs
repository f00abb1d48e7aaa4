//! Which formats a client takes: FHIR's `_format` parameter, or else the `Accept` header.

/// The media types of JSON in FHIR's spellings, old ones included (<https://hl7.org/fhir/R4/http.html#mime-type>).
const JSON: [&str; 5] = [
    "application/fhir+json",
    "application/json",
    "application/json+fhir",
    "text/json",
    "json",
];
const ANY: [&str; 2] = ["*/*", "application/*"];

/// Whether the client takes JSON. `_format` wins over `Accept`; without either anything goes.
#[must_use]
pub fn accepts_json<'a>(query: &[(String, String)], accept: impl Iterator<Item = &'a str>) -> bool {
    let mut formats = query
        .iter()
        .filter(|(name, _)| name == "_format" || name == "format")
        .map(|(_, value)| value.as_str())
        .peekable();
    if formats.peek().is_some() {
        // A plus sign that was not escaped arrives as a space.
        return formats.all(|format| is_json(&format.replace(' ', "+")));
    }
    let mut ranges = accept
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .peekable();
    ranges.peek().is_none() || ranges.any(takes_json)
}

fn takes_json(range: &str) -> bool {
    let media_type = essence(range);
    let refused = range.split(';').skip(1).any(|parameter| {
        let weight = parameter.trim().strip_prefix("q=");
        weight.and_then(|weight| weight.trim().parse::<f32>().ok()) == Some(0.0)
    });
    !refused && (is_json(range) || ANY.contains(&media_type.as_str()))
}

fn is_json(media_type: &str) -> bool {
    JSON.contains(&essence(media_type).as_str())
}

/// The type without its parameters.
fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Option<&str>, accept: &[&str], expected: bool) {
        let query: Vec<_> = format
            .into_iter()
            .map(|format| ("_format".to_owned(), format.to_owned()))
            .collect();
        let answer = accepts_json(&query, accept.iter().copied());
        assert_eq!(answer, expected, "{format:?} {accept:?}");
    }

    #[test]
    fn takes_json_in_all_its_spellings() {
        check(None, &[], true);
        check(None, &[""], true);
        check(None, &["*/*"], true);
        check(None, &["application/json"], true);
        check(None, &["application/fhir+json;fhirVersion=4.0"], true);
        check(None, &["application/json+fhir"], true);
        check(None, &["Application/FHIR+JSON ; charset=utf-8"], true);
        check(None, &["text/html,application/xml;q=0.9,*/*;q=0.8"], true);
        check(None, &["application/fhir+xml", "application/json"], true);
        check(Some("json"), &["application/xml"], true);
        check(Some("application/fhir json"), &[], true);
        check(Some("application/fhir+json"), &[], true);
        check(Some("text/json"), &[], true);
    }

    #[test]
    fn refuses_what_is_not_served() {
        check(None, &["application/fhir+xml"], false);
        check(None, &["text/html"], false);
        check(None, &["application/json;q=0"], false);
        check(None, &["application/json; q=0.0, text/html"], false);
        check(Some("xml"), &["application/json"], false);
        check(Some(""), &[], false);
        check(Some("html/xml"), &[], false);
    }
}
