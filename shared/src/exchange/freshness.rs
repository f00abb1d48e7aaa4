//! Whether a resource is still what the caller has (RFC 9110, sections 8.8 and 13).

use std::hash::{DefaultHasher, Hasher};

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::http::{HeaderMap, HeaderName, Response, header};

/// What a resource is compared by.
pub(super) struct Validators {
    entity_tag: String,
    last_modified: Timestamp,
}

impl Validators {
    /// The state of a resource that is written like that and was last changed by a load at that time.
    ///
    /// The tag is made from what is answered, so that it changes with the load as well as with the mapping. It is weak
    /// because the two spellings of the media type share it.
    pub(super) fn of(body: &[u8], last_updated: Timestamp) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(body);
        Self {
            entity_tag: format!("W/\"{:016x}\"", hasher.finish()),
            last_modified: last_updated,
        }
    }

    /// Whether the request's conditions say that the caller has it. Times count only where no tags are named.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(header::IF_NONE_MATCH) {
            return texts(headers, header::IF_NONE_MATCH)
                .flat_map(|tags| tags.split(','))
                .any(|tag| self.is_tagged(tag.trim()));
        }
        let parse = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
        texts(headers, header::IF_MODIFIED_SINCE)
            .find_map(parse)
            .is_some_and(|since| self.last_modified.as_second() <= since.as_second())
    }

    /// Weak comparison: the tag as such, however strong the caller believes it to be.
    fn is_tagged(&self, tag: &str) -> bool {
        let own = self.entity_tag.trim_start_matches("W/");
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own
    }

    /// The answer with both, for the next request's conditions.
    pub(super) fn add_headers(&self, response: Response) -> Response {
        let printer = DateTimePrinter::new();
        let response = response.with_header(header::ETAG, &self.entity_tag);
        match printer.timestamp_to_rfc9110_string(&self.last_modified) {
            Ok(time) => response.with_header(header::LAST_MODIFIED, &time),
            // Only years after 9999 have no such form.
            Err(_) => response,
        }
    }
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeaderValue, StatusCode};

    fn validators() -> Validators {
        let loaded = "2024-05-06T07:08:09.123Z".parse().unwrap();
        Validators::of(b"{}", loaded)
    }

    fn check(conditions: &[(HeaderName, &str)], known: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in conditions {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(validators().is_known(&headers), known, "{conditions:?}");
    }

    #[test]
    fn compares_tags_weakly_and_times_to_the_second() {
        let tag = validators().entity_tag;
        let strong = tag.trim_start_matches("W/");
        let (tags, since) = (header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE);
        check(&[], false);
        check(&[(tags.clone(), &tag)], true);
        check(&[(tags.clone(), strong)], true);
        check(&[(tags.clone(), "*")], true);
        check(&[(tags.clone(), &format!("\"a\" , {tag}"))], true);
        check(&[(tags.clone(), "\"a\""), (tags.clone(), &tag)], true);
        for other in ["\"a\"", "", "W/", strong.trim_matches('"')] {
            check(&[(tags.clone(), other)], false);
        }
        check(&[(since.clone(), "Mon, 06 May 2024 07:08:09 GMT")], true);
        check(&[(since.clone(), "Mon, 06 May 2024 07:08:10 GMT")], true);
        for before in ["Mon, 06 May 2024 07:08:08 GMT", "2024-05-06", "", "0"] {
            check(&[(since.clone(), before)], false);
        }
        let now = "Mon, 06 May 2024 07:08:09 GMT";
        check(&[(tags, "\"a\""), (since, now)], false);
    }

    #[test]
    fn the_tag_changes_with_what_is_answered() {
        let loaded = validators().last_modified;
        assert_ne!(
            Validators::of(b"{ }", loaded).entity_tag,
            validators().entity_tag
        );
    }

    #[test]
    fn says_when_it_was_modified_in_the_form_of_http() {
        let response = validators().add_headers(Response::empty(StatusCode::OK));
        let modified = response.header("last-modified");
        assert_eq!(modified, Some("Mon, 06 May 2024 07:08:09 GMT"));
    }
}
