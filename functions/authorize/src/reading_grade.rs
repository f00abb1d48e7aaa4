//! How easy a text is to read, by the formulas of the two languages. Only for tests.
//!
//! English: the Flesch-Kincaid grade (Kincaid and others, 1975), the school year in which a text is understood.
//! Spanish: Szigriszt-Pazos's perspicuity (1993) on the INFLESZ scale (Barrio-Cantalejo and others, 2008), on which
//! texts for patients should have 55 ("normal") or more.

use bluebutton::http::Language;

/// The counts that both formulas rest on.
struct Counts {
    sentences: f64,
    words: f64,
    syllables: f64,
}

/// The Flesch-Kincaid grade of English sentences.
pub(crate) fn flesch_kincaid(sentences: &[String]) -> f64 {
    let counts = Counts::of(sentences, Language::English);
    0.39 * counts.words / counts.sentences + 11.8 * counts.syllables / counts.words - 15.59
}

/// The INFLESZ perspicuity of Spanish sentences.
pub(crate) fn inflesz(sentences: &[String]) -> f64 {
    let counts = Counts::of(sentences, Language::Spanish);
    206.835 - 62.3 * counts.syllables / counts.words - counts.words / counts.sentences
}

/// The full sentences of a page's own part. Titles, labels and buttons, which have no full stop, are left out: as short
/// sentences they would flatter the grade.
pub(crate) fn sentences(html: &str) -> Vec<String> {
    let main = html
        .split_once("<main")
        .and_then(|(_, rest)| rest.split_once("</main>"));
    let main = main.map_or(html, |(main, _)| main);
    let mut sentences = Vec::new();
    for block in blocks(main) {
        let mut sentence = String::new();
        for word in block.split_whitespace() {
            sentence.push_str(word);
            sentence.push(' ');
            if word.ends_with(['.', '?', '!', ':']) {
                sentences.push(std::mem::take(&mut sentence));
            }
        }
    }
    sentences
}

/// The text of each block, without tags. An element inside a line is part of its sentence.
fn blocks(html: &str) -> Vec<String> {
    const INLINE: [&str; 6] = ["a", "strong", "span", "em", "/a", "/strong"];
    let mut blocks = vec![String::new()];
    for (place, piece) in html.split('<').enumerate() {
        let (tag, text) = if place == 0 {
            ("", piece)
        } else {
            piece.split_once('>').unwrap_or((piece, ""))
        };
        let name = tag.split_whitespace().next().unwrap_or_default();
        if !INLINE.contains(&name) && name != "/span" {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(&unescaped(text));
        }
    }
    blocks
}

fn unescaped(text: &str) -> String {
    text.replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&#38;", "&")
}

impl Counts {
    fn of(sentences: &[String], language: Language) -> Self {
        let words: Vec<String> = sentences
            .iter()
            .flat_map(|sentence| words(sentence))
            .collect();
        let syllables = words.iter().map(|word| syllables(word, language));
        Self {
            sentences: number(sentences.len()),
            words: number(words.len()),
            syllables: number(syllables.sum()),
        }
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// The words of a sentence: what has letters and no digits, so that neither dates nor telephone numbers count.
fn words(sentence: &str) -> Vec<String> {
    sentence
        .split(|letter: char| letter.is_whitespace() || letter == '/' || letter == '-')
        .filter(|word| !word.contains(|letter: char| letter.is_ascii_digit()))
        .map(|word| {
            word.chars()
                .filter(|letter| letter.is_alphabetic())
                .collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase())
        .collect()
}

fn syllables(word: &str, language: Language) -> usize {
    match language {
        Language::English => english_syllables(word),
        Language::Spanish => spanish_syllables(word),
    }
}

/// Groups of vowels, and one more for each `ia` or `io` that is not the ending of `social` or `question`; less the `e`
/// that is not spoken at the end of `share`, `names` and `stopped`.
fn english_syllables(word: &str) -> usize {
    const SPOKEN_APART: [&str; 2] = ["ia", "io"];
    const SPOKEN_AS_ONE: [&str; 4] = ["cia", "tia", "tio", "sio"];
    let letters: Vec<char> = word.chars().collect();
    let vowel_at = |place: usize| {
        letters
            .get(place)
            .is_some_and(|letter| "aeiouy".contains(*letter))
    };
    let begins = |place: &usize| vowel_at(*place) && (*place == 0 || !vowel_at(place - 1));
    let groups = (0..letters.len()).filter(begins).count();
    let count = |parts: &[&str]| {
        parts
            .iter()
            .map(|part| word.matches(part).count())
            .sum::<usize>()
    };
    let apart = count(&SPOKEN_APART) - count(&SPOKEN_AS_ONE);
    (groups + apart - usize::from(has_silent_ending(word))).max(1)
}

fn has_silent_ending(word: &str) -> bool {
    /// Before these endings there is a sound that the `e` is needed for, or it is the only vowel.
    const SPOKEN: [&str; 9] = [
        "ted", "ded", "ses", "zes", "ces", "ges", "ches", "shes", "xes",
    ];
    let stem = ["e", "es", "ed"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    let Some(last) = stem.and_then(|stem| stem.chars().last()) else {
        return false;
    };
    let is_vowel = |letter: char| "aeiouy".contains(letter);
    let before_last = stem.and_then(|stem| stem.chars().rev().nth(1));
    // `table` is spoken with two syllables, `whole` with one.
    let is_le = last == 'l' && before_last.is_some_and(|letter| !is_vowel(letter));
    !is_vowel(last) && !is_le && !SPOKEN.iter().any(|ending| word.ends_with(ending))
}

/// Groups of vowels, two for each pair of strong ones; a weak one with an accent is strong. The `u` of `que` is silent.
fn spanish_syllables(word: &str) -> usize {
    let word = ["que", "qui", "qué", "quí"]
        .iter()
        .fold(word.to_owned(), |word, part| {
            word.replace(part, &part.replace('u', ""))
        });
    let word = ["gue", "gui", "gué", "guí"]
        .iter()
        .fold(word, |word, part| {
            word.replace(part, &part.replace('u', ""))
        });
    let word = match word.strip_suffix('y') {
        Some(start) => format!("{start}i"),
        None => word,
    };
    let is_strong = |letter: char| "aeoáéóíú".contains(letter);
    let is_vowel = |letter: char| is_strong(letter) || "iuü".contains(letter);
    let letters: Vec<char> = word.chars().collect();
    let begins = |place: &usize| {
        let letter = letters[*place];
        let before = place.checked_sub(1).map(|before| letters[before]);
        is_vowel(letter)
            && before
                .is_none_or(|before| !is_vowel(before) || (is_strong(letter) && is_strong(before)))
    };
    (0..letters.len()).filter(begins).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counted: impl Fn(&str) -> usize, expected: &[(usize, &str)]) {
        for (syllables, words) in expected {
            for word in words.split(' ') {
                assert_eq!(counted(word), *syllables, "{word}");
            }
        }
    }

    #[test]
    fn counts_the_syllables_of_english_words() {
        check(
            english_syllables,
            &[
                (
                    1,
                    "a the app share shared stopped choose choice use race you your name names date page tries care",
                ),
                (
                    2,
                    "people table doctor visits data decide uses pages makers minutes social question away later",
                ),
                (
                    3,
                    "medicare connected personal privacy policy hospital alcohol benefits registered radio equipment",
                ),
                (4, "information application"),
            ],
        );
    }

    #[test]
    fn counts_the_syllables_of_spanish_words() {
        check(
            spanish_syllables,
            &[
                (1, "que con y muy bien quien si"),
                (
                    2,
                    "sesión datos puede guía cuenta tiempo nuevo hacer leer edad raza sexo siempre",
                ),
                (
                    3,
                    "compartir usuario aplicar página médico reciben dirección sería",
                ),
                (
                    4,
                    "medicare información aplicación contraseña hospitales beneficios",
                ),
            ],
        );
    }

    #[test]
    fn finds_the_sentences_and_no_titles() {
        let html = "<h1>Title</h1><p>One <a href=\"x\">two</a>. Three?</p><label>Name</label><p>Call 1-800. Go</p>";
        assert_eq!(sentences(html), ["One two. ", "Three? ", "Call 1-800. "]);
    }
}
