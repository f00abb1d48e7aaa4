//! The languages that people are spoken to in.

use super::{Call, header};

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// `en` or `es`, as `lang` and HTML spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The language that a page may be changed to.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Spanish,
            Self::Spanish => Self::English,
        }
    }

    /// The language of a tag by its first part: `es-MX` is Spanish.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let first = tag.split('-').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|language| first.eq_ignore_ascii_case(language.as_str()))
    }

    /// What a call asks for: the parameter `lang`, else the best of `Accept-Language` (RFC 9110 section 12.5.4),
    /// else English.
    #[must_use]
    pub fn of(call: &Call, lang: Option<&str>) -> Self {
        lang.and_then(Self::parse)
            .or_else(|| accepted(call))
            .unwrap_or_default()
    }
}

/// The language of the highest weight among those that exist here; the first of equals.
fn accepted(call: &Call) -> Option<Language> {
    let headers = call.headers.get_all(header::ACCEPT_LANGUAGE).iter();
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight(parameters).filter(|weight| *weight > 0)?;
            Some((Language::parse(tag.trim())?, weight))
        })
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(language, _)| language)
}

/// `q=0.8` in thousandths; 1000 without one.
fn weight(parameters: &str) -> Option<u16> {
    let Some(text) = parameters.trim().strip_prefix("q=") else {
        return Some(1000);
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<3}");
    digits.parse().ok().filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lang_wins_over_accept_language_and_that_over_english() {
        use Language::{English, Spanish};
        let check = |lang: Option<&str>, accept: &str, expected: Language| {
            let event = json!({"headers": {"accept-language": accept}});
            let call = Call::new(&event, "", Some("http://localhost:8000"));
            assert_eq!(Language::of(&call, lang), expected, "{lang:?} {accept}");
        };
        check(None, "", English);
        check(Some("es"), "en", Spanish);
        check(Some("es-MX"), "en", Spanish);
        check(Some("en"), "es", English);
        check(Some("fr"), "es", Spanish);
        check(Some(""), "de", English);
        check(None, "es", Spanish);
        check(None, "es-419,en;q=0.5", Spanish);
        check(None, "fr, es;q=0.5, en;q=0.8", English);
        check(None, "en, es", English);
        check(None, "es, en", Spanish);
        check(None, "es;q=0, en;q=0.1", English);
        check(None, "es;q=x", English);
        check(None, "*;q=1, es;q=0.001", Spanish);
        check(None, "es;q=1.5, en;q=0.2", English);
    }
}
