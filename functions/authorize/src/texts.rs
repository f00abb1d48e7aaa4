//! Every text of the pages. A language is one literal of [`Texts`], so that a text that is missing does not compile.
//!
//! The words are those that Medicare uses with the people it insures (Medicare & You; Medicare y Usted). A test holds
//! the English at eighth grade or below and the Spanish at "normal" or easier.

use bluebutton::{http::Language, oauth::authorize::Notice};
use jiff::civil::Date;

/// The texts of one language.
pub(crate) struct Texts {
    /// Written before the title of a page that shows a problem, which screen readers say first.
    pub(crate) problem: &'static str,
    pub(crate) new_tab: &'static str,
    pub(crate) sign_in: SignInTexts,
    pub(crate) consent: ConsentTexts,
    /// Whom the line of a message is for that names the protocol's terms.
    pub(crate) for_developers: &'static str,
    pub(crate) client_missing: Message,
    pub(crate) client_unknown: Message,
    pub(crate) client_inactive: Message,
    pub(crate) redirect_uri: Message,
    pub(crate) expired: Message,
    /// Somebody else signs in at the identity provider, whose page opens by itself.
    pub(crate) signed_out: Message,
    /// The identity provider does not answer.
    pub(crate) provider_unavailable: Message,
    /// What the identity provider answers does not prove who it is.
    pub(crate) not_confirmed: Message,
    /// The identity provider knows no Medicare number of the person.
    pub(crate) no_number: Message,
    /// Nobody in our records has the person's number.
    pub(crate) no_records: Message,
    /// More than one person in our records has it.
    pub(crate) several_records: Message,
    pub(crate) too_many: Message,
    pub(crate) unavailable: Message,
    date: fn(Date, &'static [&'static str; 12]) -> String,
    months: [&'static str; 12],
}

/// The sandbox's sign-in page.
pub(crate) struct SignInTexts {
    pub(crate) title: &'static str,
    /// Goes before the application's name.
    pub(crate) purpose: &'static str,
    pub(crate) sandbox: &'static str,
    pub(crate) problem_title: &'static str,
    pub(crate) problem: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) user_name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) button: &'static str,
    pub(crate) stop: &'static str,
}

/// The consent page.
pub(crate) struct ConsentTexts {
    pub(crate) title: &'static str,
    /// Goes before the application's name and a question mark.
    pub(crate) connect: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) signed_in_as: &'static str,
    pub(crate) switch_account: &'static str,
    pub(crate) who_asks: &'static str,
    /// These two go after the application's name.
    pub(crate) says: &'static str,
    pub(crate) says_nothing: &'static str,
    pub(crate) own_rules: &'static str,
    pub(crate) privacy_policy: &'static str,
    pub(crate) terms: &'static str,
    pub(crate) gets: &'static str,
    pub(crate) coverage: Item,
    pub(crate) doctor_visits: Item,
    pub(crate) hospital_visits: Item,
    pub(crate) prescriptions: Item,
    pub(crate) past_and_new: &'static str,
    pub(crate) choose: &'static str,
    pub(crate) personal: Item,
    pub(crate) substance_use: Item,
    pub(crate) how_long: &'static str,
    /// These three go after the application's name; the second goes before a date.
    pub(crate) access_once: &'static str,
    pub(crate) access_until: &'static str,
    pub(crate) access_until_stopped: &'static str,
    pub(crate) how_to_stop: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) stop_online: &'static str,
    /// Each goes before a telephone number.
    pub(crate) stop_by_phone: &'static str,
    pub(crate) stop_by_tty: &'static str,
    pub(crate) stopped: &'static str,
    pub(crate) decide: &'static str,
    pub(crate) cancel_means: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) allow: &'static str,
}

/// Something that an application gets: what it is called, and what that means.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) means: &'static str,
}

/// A page that says why it ends here.
pub(crate) struct Message {
    pub(crate) title: &'static str,
    pub(crate) paragraphs: &'static [&'static str],
    /// What the makers of the application need to know: the protocol's terms, in English.
    pub(crate) detail: Option<&'static str>,
}

impl Texts {
    /// The texts of that language.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Spanish => &SPANISH,
        }
    }

    /// The message for a request that cannot go on.
    pub(crate) fn notice(&self, notice: Notice) -> &Message {
        match notice {
            Notice::ClientMissing => &self.client_missing,
            Notice::ClientUnknown => &self.client_unknown,
            Notice::ClientInactive => &self.client_inactive,
            Notice::RedirectUri => &self.redirect_uri,
        }
    }

    /// A date as people of that language write it.
    pub(crate) fn date(&'static self, date: Date) -> String {
        (self.date)(date, &self.months)
    }
}

fn month(date: Date, months: &'static [&'static str; 12]) -> &'static str {
    let place = usize::try_from(date.month() - 1).unwrap_or_default();
    months.get(place).copied().unwrap_or_default()
}

/// The application cannot be trusted to be told, so that the beneficiary is.
const fn not_set_up(detail: &'static str) -> Message {
    Message {
        title: "This app is not set up right",
        paragraphs: &[
            "There is a problem with the app that sent you here. You did nothing wrong, and nothing was shared.",
            "Please go back to the app and ask its makers for help.",
        ],
        detail: Some(detail),
    }
}

const fn not_set_up_in_spanish(detail: &'static str) -> Message {
    Message {
        title: "Esta aplicación no está bien configurada",
        paragraphs: &[
            "Hay un problema con la aplicación de la que usted viene. Usted no hizo nada malo y no se compartió nada.",
            "Vuelva a la aplicación y pida ayuda a quienes la hacen.",
        ],
        detail: Some(detail),
    }
}

const HELP: &str = "Call 1-800-MEDICARE (1-800-633-4227). TTY users can call 1-877-486-2048.";
const HELP_IN_SPANISH: &str = "Llame al 1-800-MEDICARE (1-800-633-4227). Los usuarios de TTY pueden llamar al 1-877-486-2048.";

const CLIENT_MISSING: &str = "invalid_client: the request has no client_id.";
const CLIENT_UNKNOWN: &str = "Application does not exist (client_id).";
const CLIENT_INACTIVE: &str = "This application is temporarily inactive.";
const REDIRECT_URI: &str = "The redirect_uri is not registered for this application.";

static ENGLISH: Texts = Texts {
    problem: "Error: ",
    new_tab: "(opens in a new tab)",
    sign_in: SignInTexts {
        title: "Sign in",
        purpose: "Sign in to connect your Medicare data to",
        sandbox: "This is a test site. Its people and their data are made up. Do not use a real user name or password here.",
        problem_title: "We could not sign you in",
        problem: "The user name or the password is wrong, or there were too many tries. If you tried many times, please wait 30 minutes.",
        try_again: "Type your user name and password again.",
        user_name: "User name",
        password: "Password",
        button: "Log in",
        stop: "You do not have to go on. If you close this page now, nothing is shared.",
    },
    consent: ConsentTexts {
        title: "Connect your Medicare data",
        connect: "Connect your Medicare claims data to",
        lead: "This app asks to see some of your Medicare data. You decide. Your Medicare benefits stay the same, whatever you choose.",
        signed_in_as: "You are signed in as",
        switch_account: "Not you? Switch account",
        who_asks: "Who asks, and what for",
        says: "says what it is for:",
        says_nothing: "has not told us what it is for.",
        own_rules: "Once the app has your data, the app's own rules apply. Please read them before you connect.",
        privacy_policy: "Privacy policy of the app",
        terms: "Terms of the app",
        gets: "What the app will get",
        coverage: Item {
            name: "Medicare coverage",
            means: "Which parts of Medicare and which plans you have, and since when.",
        },
        doctor_visits: Item {
            name: "Doctor visits",
            means: "Visits, tests and medical equipment: why, when, and what they cost.",
        },
        hospital_visits: Item {
            name: "Hospital visits",
            means: "Care in a hospital, in a nursing home, or from a home nurse: why, when, and what it cost.",
        },
        prescriptions: Item {
            name: "Prescription drugs",
            means: "Which drugs you got, when, and what they cost.",
        },
        past_and_new: "This is about the care you had before. It is also about the care you get while the app is connected.",
        choose: "What you can choose",
        personal: Item {
            name: "Share my personal information",
            means: "Your name, address, date of birth, race, and sex. If you want to keep them to yourself, uncheck this box.",
        },
        substance_use: Item {
            name: "Share my alcohol and substance use information",
            means: "This is about care for alcohol or drug use. The law protects it more than other data. We do not share it unless you check this box.",
        },
        how_long: "How long",
        access_once: "will have access to your data one time, for 1 hour",
        access_until: "will have access to your data for 13 months, until ",
        access_until_stopped: "will have access to your data until you stop it",
        how_to_stop: "How to stop",
        stop: "You can stop at any time:",
        stop_online: "Online, go to",
        stop_by_phone: "By phone, call",
        stop_by_tty: "TTY users can call",
        stopped: "After that, the app gets nothing new. It may keep what it has.",
        decide: "Your choice",
        cancel_means: "If you choose Connect, the app gets what this page says. If you choose Cancel, nothing new is shared.",
        cancel: "Cancel",
        allow: "Connect",
    },
    for_developers: "For the makers of the app:",
    client_missing: not_set_up(CLIENT_MISSING),
    client_unknown: not_set_up(CLIENT_UNKNOWN),
    client_inactive: Message {
        title: "This app is not active",
        paragraphs: &[
            "Right now, this app may not ask for Medicare data. Nothing was shared.",
            "Please try again later, or ask the makers of the app.",
        ],
        detail: Some(CLIENT_INACTIVE),
    },
    redirect_uri: not_set_up(REDIRECT_URI),
    expired: Message {
        title: "This page is no longer valid",
        paragraphs: &[
            "A page like this works for 10 minutes, and only once. It also works only in the browser that you began with.",
            "Please go back to the app and start again.",
        ],
        detail: None,
    },
    signed_out: Message {
        title: "You are signed out",
        paragraphs: &["The page to sign in opens now. Nothing was shared."],
        detail: None,
    },
    provider_unavailable: Message {
        title: "Please try again later",
        paragraphs: &[
            "We cannot reach the sign-in service right now. Nothing was shared.",
            "Wait a minute, go back to the app and start again.",
        ],
        detail: None,
    },
    not_confirmed: Message {
        title: "We could not sign you in",
        paragraphs: &[
            "We could not make sure that it is you. Nothing was shared.",
            "Please go back to the app and start again.",
        ],
        detail: None,
    },
    no_number: Message {
        title: "We need your Medicare number",
        paragraphs: &[
            "The account that you signed in with has no Medicare number that we can use. Nothing was shared.",
            "Please add the number on your Medicare card to that account, or call for help.",
            HELP,
        ],
        detail: None,
    },
    no_records: Message {
        title: "Your records cannot be found yet",
        paragraphs: &[
            "If you are new to Medicare, it can take some months until your records are here. Nothing was shared.",
            "Please try again later, or call for help.",
            HELP,
        ],
        detail: None,
    },
    several_records: Message {
        title: "We cannot tell which records are yours",
        paragraphs: &[
            "More than one person has your Medicare number in our records. Nothing was shared.",
            "Please call for help.",
            HELP,
        ],
        detail: None,
    },
    too_many: Message {
        title: "Please wait a moment",
        paragraphs: &[
            "Too many requests came from your network. Nothing was shared.",
            "Wait a minute and load this page again, or go back to the app and start again.",
        ],
        detail: None,
    },
    unavailable: Message {
        title: "Please try again later",
        paragraphs: &[
            "We cannot reach our records right now. Nothing was shared.",
            "Wait a minute and load this page again, or go back to the app and start again.",
        ],
        detail: None,
    },
    date: |date, months| format!("{} {}, {}", month(date, months), date.day(), date.year()),
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

static SPANISH: Texts = Texts {
    problem: "Error: ",
    new_tab: "(se abre en una pestaña nueva)",
    sign_in: SignInTexts {
        title: "Inicie sesión",
        purpose: "Inicie sesión para conectar sus datos de Medicare con",
        sandbox: "Este es un sitio de prueba. Las personas y sus datos son inventados. No use aquí un nombre de usuario ni una contraseña reales.",
        problem_title: "No pudimos iniciar su sesión",
        problem: "El nombre de usuario o la contraseña no son correctos, o hubo demasiados intentos. Si lo intentó muchas veces, espere 30 minutos.",
        try_again: "Escriba otra vez su nombre de usuario y su contraseña.",
        user_name: "Nombre de usuario",
        password: "Contraseña",
        button: "Entrar",
        stop: "No tiene que seguir. Si cierra esta página ahora, no se comparte nada.",
    },
    consent: ConsentTexts {
        title: "Conecte sus datos de Medicare",
        connect: "¿Desea conectar sus datos de reclamaciones de Medicare con",
        lead: "Esta aplicación pide ver una parte de sus datos de Medicare. Usted decide. Sus beneficios de Medicare no cambian, elija lo que elija.",
        signed_in_as: "Usted inició sesión como",
        switch_account: "¿No es usted? Cambie de cuenta",
        who_asks: "Quién lo pide y para qué",
        says: "explica para qué sirve:",
        says_nothing: "no nos ha dicho para qué sirve.",
        own_rules: "Cuando la aplicación tenga sus datos, se aplican las reglas de la aplicación. Léalas antes de conectar.",
        privacy_policy: "Política de privacidad de la aplicación",
        terms: "Términos de la aplicación",
        gets: "Qué recibirá la aplicación",
        coverage: Item {
            name: "Cobertura de Medicare",
            means: "Qué partes de Medicare y qué planes tiene usted, y desde cuándo.",
        },
        doctor_visits: Item {
            name: "Visitas al médico",
            means: "Visitas, pruebas y equipo médico: por qué, cuándo y cuánto costaron.",
        },
        hospital_visits: Item {
            name: "Visitas al hospital",
            means: "La atención en un hospital, en un centro de enfermería o en su casa: por qué, cuándo y cuánto costó.",
        },
        prescriptions: Item {
            name: "Medicamentos recetados",
            means: "Qué medicamentos recibió, cuándo y cuánto costaron.",
        },
        past_and_new: "Se trata de la atención que usted ya recibió. También se trata de la que reciba mientras la aplicación esté conectada.",
        choose: "Lo que usted puede elegir",
        personal: Item {
            name: "Compartir mi información personal",
            means: "Su nombre, dirección, fecha de nacimiento, raza y sexo. Si no quiere compartir estos datos, quite la marca de esta casilla.",
        },
        substance_use: Item {
            name: "Compartir mi información sobre el consumo de alcohol y sustancias",
            means: "Se trata de la atención por el consumo de alcohol o drogas. La ley la protege más que a otros datos. No la compartimos si usted no marca esta casilla.",
        },
        how_long: "Por cuánto tiempo",
        access_once: "tendrá acceso a sus datos una sola vez, durante 1 hora",
        access_until: "tendrá acceso a sus datos durante 13 meses, hasta el ",
        access_until_stopped: "tendrá acceso a sus datos hasta que usted lo cancele",
        how_to_stop: "Cómo dejar de compartir",
        stop: "Puede dejar de compartir en cualquier momento:",
        stop_online: "Por internet, vaya a",
        stop_by_phone: "Por teléfono, llame al",
        stop_by_tty: "Los usuarios de TTY pueden llamar al",
        stopped: "Después, la aplicación no recibe nada nuevo. Puede guardar lo que ya tiene.",
        decide: "Su decisión",
        cancel_means: "Si elige Conectar, la aplicación recibe lo que dice esta página. Si elige Cancelar, no se comparte nada nuevo.",
        cancel: "Cancelar",
        allow: "Conectar",
    },
    for_developers: "Para quienes hacen la aplicación:",
    client_missing: not_set_up_in_spanish(CLIENT_MISSING),
    client_unknown: not_set_up_in_spanish(CLIENT_UNKNOWN),
    client_inactive: Message {
        title: "Esta aplicación no está activa",
        paragraphs: &[
            "Por ahora, esta aplicación no puede pedir datos de Medicare. No se compartió nada.",
            "Inténtelo más tarde o pregunte a quienes hacen la aplicación.",
        ],
        detail: Some(CLIENT_INACTIVE),
    },
    redirect_uri: not_set_up_in_spanish(REDIRECT_URI),
    expired: Message {
        title: "Esta página ya no es válida",
        paragraphs: &[
            "Una página como esta sirve durante 10 minutos y una sola vez. Además, solo sirve en el navegador en el que usted empezó.",
            "Vuelva a la aplicación y empiece de nuevo.",
        ],
        detail: None,
    },
    signed_out: Message {
        title: "Usted cerró su sesión",
        paragraphs: &["Ahora se abre la página para iniciar sesión. No se compartió nada."],
        detail: None,
    },
    provider_unavailable: Message {
        title: "Inténtelo más tarde",
        paragraphs: &[
            "En este momento el servicio de inicio de sesión no responde. No se compartió nada.",
            "Espere un minuto, regrese a la aplicación y empiece de nuevo.",
        ],
        detail: None,
    },
    not_confirmed: Message {
        title: "No pudimos iniciar su sesión",
        paragraphs: &[
            "No pudimos estar seguros de que es usted. No se compartió nada.",
            "Vuelva a la aplicación y empiece de nuevo.",
        ],
        detail: None,
    },
    no_number: Message {
        title: "Necesitamos su número de Medicare",
        paragraphs: &[
            "La cuenta con la que usted entró no tiene un número de Medicare que nos sirva. No se compartió nada.",
            "Añada a esa cuenta el número de su tarjeta de Medicare o llame para pedir ayuda.",
            HELP_IN_SPANISH,
        ],
        detail: None,
    },
    no_records: Message {
        title: "Todavía no encontramos sus registros",
        paragraphs: &[
            "Si usted es nuevo en Medicare, sus registros pueden tardar unos meses en llegar aquí. No se compartió nada.",
            "Inténtelo más tarde o llame para pedir ayuda.",
            HELP_IN_SPANISH,
        ],
        detail: None,
    },
    several_records: Message {
        title: "No sabemos cuáles son sus registros",
        paragraphs: &[
            "Más de una persona tiene su número de Medicare en nuestros registros. No se compartió nada.",
            "Llame para pedir ayuda.",
            HELP_IN_SPANISH,
        ],
        detail: None,
    },
    too_many: Message {
        title: "Espere un momento",
        paragraphs: &[
            "Llegaron demasiadas solicitudes desde su red. No se compartió nada.",
            "Espere un minuto y vuelva a cargar esta página, o regrese a la aplicación y empiece de nuevo.",
        ],
        detail: None,
    },
    unavailable: Message {
        title: "Inténtelo más tarde",
        paragraphs: &[
            "En este momento no podemos leer nuestros registros. No se compartió nada.",
            "Espere un minuto y vuelva a cargar esta página, o regrese a la aplicación y empiece de nuevo.",
        ],
        detail: None,
    },
    date: |date, months| {
        let (day, month, year) = (date.day(), month(date, months), date.year());
        format!("{day} de {month} de {year}")
    },
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_its_readers_write_it() {
        let check = |date: Date, english: &str, spanish: &str| {
            assert_eq!(Texts::of(Language::English).date(date), english);
            assert_eq!(Texts::of(Language::Spanish).date(date), spanish);
        };
        let date = jiff::civil::date;
        check(
            date(2027, 12, 22),
            "December 22, 2027",
            "22 de diciembre de 2027",
        );
        check(date(2028, 1, 1), "January 1, 2028", "1 de enero de 2028");
        check(
            date(2028, 2, 29),
            "February 29, 2028",
            "29 de febrero de 2028",
        );
    }
}
