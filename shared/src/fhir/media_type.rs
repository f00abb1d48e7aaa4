//! Which formats a client takes: FHIR's `_format` parameter, or else the `Accept` header.

/// The media type of FHIR's JSON, in which answers leave unless plain JSON is asked for.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The media type of JSON of any kind.
pub const PLAIN_JSON: &str = "application/json";

/// The media types of JSON in FHIR's spellings, old ones included (<https://hl7.org/fhir/R4/http.html#mime-type>).
const JSON: [&str; 5] = [
    FHIR_JSON,
    PLAIN_JSON,
    "application/json+fhir",
    "text/json",
    "json",
];
const ANY: [&str; 2] = ["application/*", "*/*"];

/// The media type to answer with: none where the client takes no JSON. `_format` wins over `Accept`; without either
/// anything goes.
pub fn negotiate<'a>(
    parameters: impl IntoIterator<Item = &'a (String, String)>,
    accept: impl Iterator<Item = &'a str>,
) -> Option<&'static str> {
    let mut formats = parameters
        .into_iter()
        .filter(|(name, _)| name == "_format" || name == "format")
        // A plus sign that was not escaped arrives as a space.
        .map(|(_, value)| value.trim().replace(' ', "+"))
        .peekable();
    if let Some(first) = formats.peek() {
        let answer = answer_to(first);
        return formats.all(|format| is_json(&format)).then_some(answer);
    }
    let mut ranges = accept
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return Some(FHIR_JSON);
    }
    let taken = ranges.filter_map(|range| Some((preference(range)?, range)));
    // Of equal ones the first counts.
    let best = taken.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.map(|(_, range)| answer_to(range))
}

/// How much a client likes a range that JSON is in: its weight, and among equal weights what is named beats what is
/// not (RFC 9110 section 12.5.1).
fn preference(range: &str) -> Option<(f32, bool)> {
    let weight = range.split(';').skip(1).find_map(|parameter| {
        let (name, weight) = parameter.split_once('=')?;
        let is_weight = name.trim().eq_ignore_ascii_case("q");
        is_weight.then(|| weight.trim().parse::<f32>().ok())?
    });
    let weight = weight.unwrap_or(1.0);
    let is_named = is_json(range);
    let is_taken = is_named || ANY.contains(&essence(range).as_str());
    (is_taken && weight > 0.0).then_some((weight, is_named))
}

fn answer_to(media_type: &str) -> &'static str {
    match essence(media_type).as_str() {
        PLAIN_JSON => PLAIN_JSON,
        _ => FHIR_JSON,
    }
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

    const FHIR: Option<&str> = Some(FHIR_JSON);
    const PLAIN: Option<&str> = Some(PLAIN_JSON);

    fn check(format: Option<&str>, accept: &[&str], expected: Option<&str>) {
        let query: Vec<_> = format
            .into_iter()
            .map(|format| ("_format".to_owned(), format.to_owned()))
            .collect();
        let answer = negotiate(&query, accept.iter().copied());
        assert_eq!(answer, expected, "{format:?} {accept:?}");
    }

    #[test]
    fn takes_json_in_all_its_spellings() {
        check(None, &[], FHIR);
        check(None, &[""], FHIR);
        check(None, &["*/*"], FHIR);
        check(None, &["application/*"], FHIR);
        check(None, &["application/json"], PLAIN);
        check(None, &["application/fhir+json;fhirVersion=4.0"], FHIR);
        check(None, &["application/json+fhir"], FHIR);
        check(None, &["Application/FHIR+JSON ; charset=utf-8"], FHIR);
        check(None, &["text/html,application/xml;q=0.9,*/*;q=0.8"], FHIR);
        check(None, &["application/fhir+xml", "application/json"], PLAIN);
        check(Some("json"), &["application/xml"], FHIR);
        check(Some("application/fhir json"), &[], FHIR);
        check(Some("application/fhir+json"), &["application/json"], FHIR);
        check(Some("application/json; charset=utf-8"), &[], PLAIN);
        check(Some("text/json"), &[], FHIR);
    }

    #[test]
    fn answers_with_the_spelling_that_the_client_likes_best() {
        check(None, &["application/json, text/plain, */*"], PLAIN);
        check(None, &["*/*, application/json"], PLAIN);
        check(None, &["application/json, application/fhir+json"], PLAIN);
        check(None, &["application/fhir+json, application/json"], FHIR);
        check(
            None,
            &["application/json;q=0.5, application/fhir+json"],
            FHIR,
        );
        check(None, &["application/json; Q=0.1, */*"], FHIR);
        check(None, &["application/json;q=x"], PLAIN);
    }

    #[test]
    fn refuses_what_is_not_served() {
        check(None, &["application/fhir+xml"], None);
        check(None, &["text/html"], None);
        check(None, &["text/*"], None);
        check(None, &["application/json;q=0"], None);
        check(None, &["application/json; q=0.0, text/html"], None);
        check(None, &["application/json; q=NaN"], None);
        check(Some("xml"), &["application/json"], None);
        check(Some(""), &[], None);
        check(Some("html/xml"), &[], None);
    }
}
