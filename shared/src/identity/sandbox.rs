//! The sandbox's sign-ins, by a published rule and never stored: valid only where the stage is sandbox and the person
//! is loaded, which the caller checks.
//!
//! `BBUser00000` to `BBUser29999` with the passwords `PW00000!` and so on, as CMS's sandbox has them, stand for
//! synthetic people; besides, every loaded person signs in with the patient id and `PW<patient id>!`.

use super::BeneId;
use crate::secret::Secret;

const PREFIX: &str = "BBUser";
const DIGITS: usize = 5;
const USERS: i64 = 30_000;

/// `BBUser00000` is the negative of this, `BBUser00001` the next one below, and so on.
const FIRST_PATIENT: i64 = 20_140_000_000_001;

/// The sample person of CMS's developer preview has the last name and an id of their own.
const SAMPLE_USER: i64 = USERS - 1;
const SAMPLE_PATIENT: &str = "20140000008325";

/// The person whose user name and password these are.
#[must_use]
pub fn patient_of(username: &str, password: &Secret) -> Option<BeneId> {
    let number = number(username);
    let expected = format!("PW{}!", username.strip_prefix(PREFIX).unwrap_or(username));
    let patient = match number {
        Some(number) => patient_of_number(number),
        None => BeneId::parse(username),
    };
    // Compared for every name, known or not, so that both take the same time.
    let matches = *password == Secret::new(expected);
    patient.filter(|_| matches)
}

/// The user name of a person: their `BBUser` name if the rule gives them one, else the patient id.
#[must_use]
pub fn user_name_of(patient: &BeneId) -> String {
    let id = patient.as_str();
    let number = match id.parse::<i64>() {
        Ok(_) if id == SAMPLE_PATIENT => Some(SAMPLE_USER),
        Ok(id) => id.checked_neg().map(|id| id - FIRST_PATIENT),
        Err(_) => None,
    };
    let canonical = number.filter(|number| patient_of_number(*number).as_ref() == Some(patient));
    match canonical {
        Some(number) => format!("{PREFIX}{number:05}"),
        None => id.to_owned(),
    }
}

/// The password of that user name, for lists of sign-ins that the sandbox prints.
#[must_use]
pub fn password_of(username: &str) -> String {
    format!("PW{}!", username.strip_prefix(PREFIX).unwrap_or(username))
}

fn number(username: &str) -> Option<i64> {
    let digits = username.strip_prefix(PREFIX)?;
    let well_formed = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| well_formed)
}

fn patient_of_number(number: i64) -> Option<BeneId> {
    match number {
        SAMPLE_USER => BeneId::parse(SAMPLE_PATIENT),
        0..SAMPLE_USER => BeneId::parse(&format!("-{}", FIRST_PATIENT + number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(username: &str, password: &str, expected: Option<&str>) {
        let patient = patient_of(username, &Secret::new(password));
        let patient = patient.as_ref().map(BeneId::as_str);
        assert_eq!(patient, expected, "{username} {password}");
    }

    #[test]
    fn signs_in_by_rule_and_not_otherwise() {
        check("BBUser00000", "PW00000!", Some("-20140000000001"));
        check("BBUser00007", "PW00007!", Some("-20140000000008"));
        check("BBUser29998", "PW29998!", Some("-20140000029999"));
        check("BBUser29999", "PW29999!", Some("20140000008325"));
        check("567834", "PW567834!", Some("567834"));
        check(
            "-10000010254618",
            "PW-10000010254618!",
            Some("-10000010254618"),
        );
        check("BBUser00000", "PW00001!", None);
        check("BBUser00000", "", None);
        check("BBUser0000", "PW0000!", None);
        check("BBUser000000", "PW000000!", None);
        check("BBUser30000", "PW30000!", None);
        check("BBUser+0001", "PW+0001!", None);
        check("bbuser00000", "PW00000!", None);
        check("00000", "PW00001!", None);
        check("", "PW!", None);
        check("Jane", "PWJane!", None);
    }

    #[test]
    fn names_each_person_by_the_name_that_signs_in() {
        for id in [
            "-20140000000001",
            "-20140000029999",
            "20140000008325",
            "567834",
            "-20140000030000",
            "1",
        ] {
            let patient = BeneId::parse(id).expect("an id");
            let username = user_name_of(&patient);
            check(&username, &password_of(&username), Some(id));
        }
        let named = |id: &str| user_name_of(&BeneId::parse(id).expect("an id"));
        assert_eq!(named("-20140000000001"), "BBUser00000");
        assert_eq!(named("20140000008325"), "BBUser29999");
        assert_eq!(named("567834"), "567834");
        assert_eq!(named("-20140000030000"), "-20140000030000");
        assert_eq!(named("-020140000000001"), "-020140000000001");
    }
}
