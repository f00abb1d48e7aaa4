//! `application register`: a new application, with all that the consent page and a partner's portal say of it.

use std::error::Error;
use std::path::PathBuf;

use bluebutton::oauth::{
    Application, ClientType, DataAccess, Description, DescriptionTooLong, RedirectUri,
    RedirectUriError, Scopes,
};
use bluebutton::secret::Secret;
use bluebutton::store::ApplicationsTable;
use url::Url;

use crate::print::say;
use crate::secret_file::SecretFile;

/// The most characters of a name and of an e-mail address, as Blue Button keeps them.
const NAME_CHARS_MAX: usize = 255;
const EMAIL_CHARS_MAX: usize = 254;
/// The most bytes of the address of a page of the application's.
const PAGE_URI_BYTES_MAX: usize = 512;

/// What the application is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the consent page calls it; no other application has that name.
    #[arg(value_parser = name)]
    name: String,
    /// Where people are sent back to. May be repeated.
    #[arg(long, value_name = "URI", required = true, value_parser = redirect_uri)]
    redirect_uri: Vec<RedirectUri>,
    /// The file to write the client secret to: it must not be there yet, and only you can read it.
    #[arg(long, value_name = "FILE", required_unless_present = "public")]
    secret_file: Option<PathBuf>,
    /// It runs where it cannot keep a secret, such as on people's own machines, and has none.
    #[arg(long, conflicts_with = "secret_file")]
    public: bool,
    /// How long a consent lasts.
    #[arg(long, value_enum, value_name = "TYPE", ignore_case = true, default_value_t = Access::ThirteenMonth)]
    data_access: Access,
    /// The scopes that it may ask for, apart by spaces; all of them, if this is left out.
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    scope: Option<Scopes>,
    /// It does not need to know who the beneficiary is, and is not told.
    #[arg(long)]
    without_demographic_scopes: bool,
    /// It gets prescription drug claims (Part D) and no others.
    #[arg(long)]
    part_d_eob_only: bool,
    /// It is a partner's portal: it may list and remove the grants of people who are signed in to it.
    #[arg(long)]
    token_management: bool,
    /// What it is for, in its makers' words.
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<Description>,
    /// Its privacy policy.
    #[arg(long, value_name = "URI", value_parser = page_uri)]
    policy_uri: Option<String>,
    /// Its terms of service.
    #[arg(long, value_name = "URI", value_parser = page_uri)]
    tos_uri: Option<String>,
    /// Its logo.
    #[arg(long, value_name = "URI", value_parser = page_uri)]
    logo_uri: Option<String>,
    /// Where its makers help, an e-mail address.
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    support_email: Option<String>,
}

/// The access types in Blue Button's spelling.
#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Access {
    /// One access token and no refresh token.
    OneTime,
    /// Thirteen months from each consent.
    ThirteenMonth,
    /// Until revoked.
    ResearchStudy,
}

/// Registers the application and prints its client id and nothing else, so that a script can take it.
pub(crate) async fn register(
    applications: &ApplicationsTable,
    arguments: Arguments,
) -> Result<(), Box<dyn Error>> {
    refuse_a_name_twice(applications, &arguments.name).await?;
    let path = arguments.secret_file.clone();
    let (application, secret) = application(arguments);
    match path {
        Some(path) => {
            let mut file = SecretFile::create(&path)?;
            file.write(&secret)?;
            file.settle(applications.put(&application).await)?;
        }
        None => applications.put(&application).await?,
    }
    say!("{}", application.client_id);
    Ok(())
}

/// People tell applications apart by their names, and whoever gives the command twice has one application. Of two
/// operators who register the same name in one moment both succeed: `application list` shows it.
async fn refuse_a_name_twice(
    applications: &ApplicationsTable,
    name: &str,
) -> Result<(), Box<dyn Error>> {
    let known = applications.all().await?;
    let same = |known: &&Application| known.name.eq_ignore_ascii_case(name);
    match known.iter().find(same) {
        Some(known) => Err(format!("{} has that name already", known.client_id).into()),
        None => Ok(()),
    }
}

fn application(arguments: Arguments) -> (Application, Secret) {
    let (usual, secret) = Application::register(&arguments.name, arguments.redirect_uri);
    let (client_type, secrets) = match arguments.public {
        true => (ClientType::Public, Vec::new()),
        false => (ClientType::Confidential, usual.secrets),
    };
    let application = Application {
        client_type,
        secrets,
        data_access: arguments.data_access.of_applications(),
        scopes: arguments.scope.unwrap_or(usual.scopes),
        require_demographic_scopes: !arguments.without_demographic_scopes,
        part_d_eob_only: arguments.part_d_eob_only,
        token_management: arguments.token_management,
        description: arguments.description,
        policy_uri: arguments.policy_uri,
        tos_uri: arguments.tos_uri,
        logo_uri: arguments.logo_uri,
        support_email: arguments.support_email,
        ..usual
    };
    (application, secret)
}

impl Access {
    fn of_applications(self) -> DataAccess {
        match self {
            Self::OneTime => DataAccess::OneTime,
            Self::ThirteenMonth => DataAccess::ThirteenMonth,
            Self::ResearchStudy => DataAccess::ResearchStudy,
        }
    }
}

/// Blue Button's own rule: printable ASCII, in which no letter looks like another one.
fn name(text: &str) -> Result<String, String> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_name = !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.trim() == text;
    match is_printable && is_name {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a name is 1 to {NAME_CHARS_MAX} printable characters of ASCII, without spaces around it"
        )),
    }
}

fn redirect_uri(text: &str) -> Result<RedirectUri, RedirectUriError> {
    RedirectUri::parse(text)
}

fn description(text: &str) -> Result<Description, DescriptionTooLong> {
    Description::parse(text)
}

fn scopes(text: &str) -> Result<Scopes, String> {
    let names = text.split_whitespace();
    if let Some(unknown) = names.clone().find(|name| Scopes::parse(name).is_none()) {
        return Err(format!("there is no scope {unknown}"));
    }
    let scopes = Scopes::parse(&names.collect::<Vec<_>>().join(" "));
    let some = scopes.filter(|scopes| !scopes.is_empty());
    some.ok_or_else(|| "an application that may ask for no scope gets nothing".to_owned())
}

/// The consent page links it.
fn page_uri(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok();
    let is_page = url.is_some_and(|url| url.scheme() == "https" && url.username().is_empty());
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_page && is_plain && text.len() <= PAGE_URI_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "the address of a page is https, in ASCII, with at most {PAGE_URI_BYTES_MAX} bytes"
        )),
    }
}

fn email(text: &str) -> Result<String, String> {
    let parts = text.split_once('@');
    let is_address = parts.is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.contains('@') && !host.ends_with('.')
    });
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_address && is_plain && text.len() <= EMAIL_CHARS_MAX {
        true => Ok(text.to_owned()),
        false => Err("an e-mail address is like help@app.example".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parser's verdict on a text.
    type Parse = fn(&str) -> Result<(), String>;

    #[test]
    fn what_an_application_says_of_itself_is_fit_for_the_consent_page() {
        let check = |parse: Parse, text: &str, expected: Result<(), &str>| match expected {
            Ok(()) => assert_eq!(parse(text), Ok(()), "{text}"),
            Err(why) => {
                let said = parse(text).unwrap_err();
                assert!(said.contains(why), "{text}: {said}");
            }
        };
        let of_name: Parse = |text| name(text).map(drop);
        check(of_name, "App", Ok(()));
        check(of_name, &"a".repeat(255), Ok(()));
        for wrong in ["", " App", "App\n", "Äpp", &"a".repeat(256)] {
            check(of_name, wrong, Err("1 to 255 printable characters"));
        }
        let of_page: Parse = |text| page_uri(text).map(drop);
        check(of_page, "https://app.example/privacy?lang=en", Ok(()));
        for wrong in [
            "app.example",
            "http://app.example",
            "javascript:alert(1)",
            "https://app.example/a b",
            "https://somebody@app.example/",
            &format!("https://app.example/{}", "a".repeat(500)),
        ] {
            check(of_page, wrong, Err("https"));
        }
        let of_email: Parse = |text| email(text).map(drop);
        check(of_email, "help@app.example", Ok(()));
        for wrong in [
            "help",
            "@app.example",
            "help@app",
            "a b@app.example",
            "a@b@c.d",
        ] {
            check(of_email, wrong, Err("like help@app.example"));
        }
        let of_scopes: Parse = |text| scopes(text).map(drop);
        check(of_scopes, "profile  patient/Patient.rs", Ok(()));
        check(of_scopes, " ", Err("no scope gets nothing"));
        check(
            of_scopes,
            "profile patient/Claim.rs",
            Err("there is no scope patient/Claim.rs"),
        );
    }
}
