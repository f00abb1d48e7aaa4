//! `cargo xtask cost`: what a month costs, reckoned from the prices and quantities below and written into
//! infra/docs/cost.md, so that the page and the formula cannot drift apart.
//!
//! Money is counted in millionths of a dollar, quantities in thousandths, so that nothing is a floating-point number.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};

const PAGE: &str = "infra/docs/cost.md";

/// When the prices were written down; their place is the Region us-east-1.
const PRICES_OF: &str = "November 2026";

/// A price in us-east-1: so many millionths of a dollar for so many units.
struct Price {
    what: &'static str,
    unit: &'static str,
    micro_dollars: u128,
    units: u128,
    source: &'static str,
}

const fn price(
    (what, unit): (&'static str, &'static str),
    (micro_dollars, units): (u128, u128),
    source: &'static str,
) -> Price {
    Price {
        what,
        unit,
        micro_dollars,
        units,
        source,
    }
}

const MILLION: u128 = 1_000_000;

#[rustfmt::skip]
mod prices {
    use super::{MILLION, Price, price};
    pub(super) const READS: Price = price(("DynamoDB on demand: reads", "read units"), (125_000, MILLION), "DynamoDB");
    pub(super) const WRITES: Price = price(("DynamoDB on demand: writes", "write units"), (625_000, MILLION), "DynamoDB");
    pub(super) const STORAGE: Price = price(("DynamoDB: storage", "GB-month"), (250_000, 1), "DynamoDB");
    pub(super) const STORAGE_SELDOM: Price = price(("DynamoDB: storage, infrequent access", "GB-month"), (100_000, 1), "DynamoDB");
    pub(super) const RECOVERY: Price = price(("DynamoDB: point-in-time recovery", "GB-month"), (200_000, 1), "DynamoDB");
    pub(super) const IMPORT: Price = price(("DynamoDB: import from S3", "GB"), (150_000, 1), "DynamoDB");
    pub(super) const GIGABYTE_SECONDS: Price = price(("Lambda arm64: duration", "GB-seconds"), (13_333_400, MILLION), "Lambda");
    pub(super) const INVOCATIONS: Price = price(("Lambda: requests", "requests"), (200_000, MILLION), "Lambda");
    pub(super) const GATEWAY: Price = price(("API Gateway, REST", "requests"), (3_500_000, MILLION), "API Gateway");
    pub(super) const SIGNATURES: Price = price(("KMS: ECDSA signatures", "signatures"), (150_000, 10_000), "KMS");
    pub(super) const KEY_CALLS: Price = price(("KMS: symmetric keys", "requests"), (30_000, 10_000), "KMS");
    pub(super) const KEYS: Price = price(("KMS: keys", "key-month"), (MILLION, 1), "KMS");
    pub(super) const SECRETS: Price = price(("Secrets Manager", "secret-month"), (400_000, 1), "Secrets Manager");
    pub(super) const SECRET_CALLS: Price = price(("Secrets Manager: requests", "requests"), (50_000, 10_000), "Secrets Manager");
    pub(super) const LOGS: Price = price(("CloudWatch: logs taken in", "GB"), (500_000, 1), "CloudWatch");
    pub(super) const KEPT_LOGS: Price = price(("CloudWatch: logs kept", "GB-month"), (30_000, 1), "CloudWatch");
    pub(super) const METRICS: Price = price(("CloudWatch: metrics", "metric-month"), (300_000, 1), "CloudWatch");
    pub(super) const ALARMS: Price = price(("CloudWatch: alarms, each metric that one looks at", "metric-month"), (100_000, 1), "CloudWatch");
    pub(super) const DASHBOARDS: Price = price(("CloudWatch: dashboards", "dashboard-month"), (3_000_000, 1), "CloudWatch");
    pub(super) const TRACES: Price = price(("X-Ray: traces", "traces"), (5_000_000, MILLION), "X-Ray");
    pub(super) const FIREWALL: Price = price(("WAF: requests", "requests"), (600_000, MILLION), "WAF");
    pub(super) const FIREWALL_LISTS: Price = price(("WAF: access control lists", "list-month"), (5_000_000, 1), "WAF");
    pub(super) const FIREWALL_RULES: Price = price(("WAF: rules", "rule-month"), (MILLION, 1), "WAF");
    pub(super) const FILES: Price = price(("S3: storage", "GB-month"), (23_000, 1), "S3");
    pub(super) const TRANSFER: Price = price(("Data to the Internet", "GB"), (90_000, 1), "EC2, data transfer");

    pub(super) const ALL: [&Price; 25] = [
        &READS, &WRITES, &STORAGE, &STORAGE_SELDOM, &RECOVERY, &IMPORT, &GIGABYTE_SECONDS, &INVOCATIONS, &GATEWAY,
        &SIGNATURES, &KEY_CALLS, &KEYS, &SECRETS, &SECRET_CALLS, &LOGS, &KEPT_LOGS, &METRICS, &ALARMS, &DASHBOARDS, &TRACES,
        &FIREWALL, &FIREWALL_LISTS, &FIREWALL_RULES, &FILES, &TRANSFER,
    ];
}

/// What one thing that a caller does asks of AWS. The six figures from `gets` to `signatures` are counted by the test
/// `every_call_asks_of_aws_what_the_cost_page_reckons_with`.
struct Deed {
    name: &'static str,
    /// Which function answers, and the memory that the template gives it.
    function: (&'static str, u128),
    /// Requests that it takes.
    requests: u128,
    /// Reads of one item of other tables; nearly all are strongly consistent.
    gets: u128,
    /// Reads of the claims table, eventually consistent.
    claims_gets: u128,
    /// Queries of the claims table.
    queries: u128,
    /// Single writes.
    writes: u128,
    /// Items of transactions, each of which counts twice.
    transacted: u128,
    signatures: u128,
    /// Read units of the claims table in all its reads, in thousandths.
    claims_units_thousandths: u128,
    /// Billed, all requests together.
    milliseconds: u128,
    /// Bytes to the caller, compressed.
    bytes: u128,
    /// Of a thousand requests, those that belong to this.
    of_thousand: u128,
}

/// A refresh an hour, and what apps read with it: mostly claims.
#[rustfmt::skip]
const DEEDS: [Deed; 7] = [
    Deed { name: "sign-in and consent", function: ("authorize", 512), requests: 5, gets: 9, claims_gets: 1, queries: 0, writes: 10, transacted: 6, signatures: 0, claims_units_thousandths: 1_000, milliseconds: 140, bytes: 12_000, of_thousand: 25 },
    Deed { name: "code for tokens", function: ("token", 512), requests: 1, gets: 3, claims_gets: 0, queries: 0, writes: 1, transacted: 5, signatures: 1, claims_units_thousandths: 0, milliseconds: 60, bytes: 1_500, of_thousand: 5 },
    Deed { name: "refresh", function: ("token", 512), requests: 1, gets: 3, claims_gets: 0, queries: 0, writes: 1, transacted: 5, signatures: 1, claims_units_thousandths: 0, milliseconds: 60, bytes: 1_500, of_thousand: 100 },
    Deed { name: "userinfo", function: ("userinfo", 512), requests: 1, gets: 3, claims_gets: 1, queries: 1, writes: 3, transacted: 0, signatures: 0, claims_units_thousandths: 1_000, milliseconds: 25, bytes: 800, of_thousand: 70 },
    Deed { name: "Patient", function: ("patient", 512), requests: 1, gets: 4, claims_gets: 1, queries: 1, writes: 3, transacted: 0, signatures: 0, claims_units_thousandths: 1_000, milliseconds: 25, bytes: 1_500, of_thousand: 150 },
    Deed { name: "Coverage", function: ("coverage", 512), requests: 1, gets: 4, claims_gets: 1, queries: 1, writes: 3, transacted: 0, signatures: 0, claims_units_thousandths: 1_000, milliseconds: 25, bytes: 3_000, of_thousand: 150 },
    Deed { name: "ExplanationOfBenefit, a page of 10", function: ("eob", 1_024), requests: 1, gets: 4, claims_gets: 0, queries: 1, writes: 3, transacted: 0, signatures: 0, claims_units_thousandths: 4_000, milliseconds: 20, bytes: 25_600, of_thousand: 500 },
];

/// What a month holds.
#[derive(Clone, Copy)]
struct Month {
    calls: u128,
    people: u128,
}

/// The calls and the people of the page's tables.
const CALLS: [u128; 3] = [1_000, 100_000, MILLION];
const PEOPLE: [u128; 3] = [MILLION, 10 * MILLION, 60 * MILLION];

const SECONDS_OF_A_MONTH: u128 = 2_629_800;
const MINUTES_OF_A_MONTH: u128 = SECONDS_OF_A_MONTH / 60;

const GIGABYTE: u128 = 1 << 30;
const MEGABYTES_OF_A_GIGABYTE: u128 = 1024;

/// What AWS adds to the size of each stored item, by its price page.
const ITEM_OVERHEAD_BYTES: u128 = 100;
/// Four years of Medicare's whole population.
const CLAIMS_OF_A_PERSON: u128 = 136;
/// The item of a claim, in the usual mix of types: `bluebutton-admin measure` of synthetic people.
const CLAIM_BYTES: u128 = 219;
/// The other items, of the sandbox's people.
const BENEFICIARY_BYTES: u128 = 402;
const YEARS_OF_A_PERSON: u128 = 4;
const YEAR_BYTES: u128 = 209;
const IDENTITIES_OF_A_PERSON: u128 = 2;
const IDENTITY_BYTES: u128 = 83;
/// A claim of the sandbox in DynamoDB JSON, for an import: its binary attribute is base64.
const IMPORTED_CLAIM_BYTES: u128 = 352;
/// A claim in its file, synthetic people in the usual mix of types.
const RIF_BYTES: u128 = 555;
/// 34 claims a year and three adjustments to ten claims, in thousandths of a claim.
const NEW_CLAIMS_THOUSANDTHS: u128 = 3_683;

/// Everybody's row comes again once a month: the person and the year are read, strongly consistent, and the year, which
/// has another month, is written.
const PERSON_READS: u128 = 2;
const PERSON_WRITES: u128 = 1;
/// A row of a beneficiary file of the sandbox; the files of a year are kept.
const PERSON_RIF_BYTES: u128 = 720;
const PERSON_FILES: u128 = 12;

/// The function's line with its metrics, Lambda's own three lines, and the gateway's line.
const LOG_BYTES: u128 = 897 + 350 + 265;
const LOG_MONTHS: u128 = 12;
const LOG_MONTHS_SHORT: u128 = 1;
/// Lambda traces the first call of each second and one of twenty of the others.
const CALLS_OF_A_TRACE: u128 = 20;
/// 194 bytes for userinfo, 202 to 215 for a search, up to 279 for a refresh: the mean of the calls below.
const AUDIT_BYTES: u128 = 215 + ITEM_OVERHEAD_BYTES;
const AUDIT_MONTHS: u128 = 72;

/// Of the data and of the alarms, the current and the next one that sign, and one that signed and is not deleted yet.
const KEYS: u128 = 5;
/// The two symmetric ones rotate by themselves once a year. The first and the second rotation each cost as much again.
const ROTATING_KEYS: u128 = 2;
const KEY_ROTATIONS: u128 = 2;
const SECRETS: u128 = 5;
/// Those that verify or sign read the configuration again when what they know is a minute old.
const FOLLOWING_FUNCTIONS: u128 = 5;
const METRICS: u128 = 150;
const METRICS_OF_ROUTES: u128 = 80;
const ALARM_METRICS: u128 = 80;
const FIREWALL_RULES: u128 = 9;
/// DynamoDB asks for the key of each of eight tables for each of ten functions, every five minutes at most.
const KEY_CALLS: u128 = 8 * 10 * MINUTES_OF_A_MONTH / 5;

const THOUSAND: u128 = 1000;

impl Price {
    /// Of a quantity in thousandths.
    const fn of_thousandths(&self, thousandths: u128) -> u128 {
        thousandths * self.micro_dollars / (self.units * THOUSAND)
    }

    const fn of(&self, quantity: u128) -> u128 {
        self.of_thousandths(quantity * THOUSAND)
    }

    /// Of so many bytes.
    const fn of_bytes(&self, bytes: u128) -> u128 {
        bytes * self.micro_dollars / (self.units * GIGABYTE)
    }
}

impl Month {
    /// How much of something all deeds of the month take, in thousandths.
    fn deeds(self, of_deed: impl Fn(&Deed) -> u128) -> u128 {
        let of_thousand = |deed: &Deed| of_deed(deed) * deed.of_thousand / deed.requests;
        self.calls * DEEDS.iter().map(of_thousand).sum::<u128>()
    }

    fn duration(self) -> u128 {
        let megabyte_milliseconds = self.deeds(|deed| deed.milliseconds * deed.function.1);
        let thousandths = megabyte_milliseconds / MEGABYTES_OF_A_GIGABYTE / THOUSAND;
        prices::GIGABYTE_SECONDS.of_thousandths(thousandths)
    }

    /// At most: calls of the same second share the one that is traced for sure.
    fn traces(self) -> u128 {
        let sure = self.calls.min(SECONDS_OF_A_MONTH);
        prices::TRACES.of(sure + (self.calls - sure) / CALLS_OF_A_TRACE)
    }

    /// At most: functions that are seldom called read it with every call, busy ones once a minute. Each reading of a
    /// secret is one of its key, too.
    fn configuration(self) -> u128 {
        let readings = self.calls.min(FOLLOWING_FUNCTIONS * MINUTES_OF_A_MONTH);
        prices::SECRET_CALLS.of(readings) + prices::KEY_CALLS.of(readings)
    }

    fn people_again(self) -> u128 {
        prices::READS.of(self.people * PERSON_READS)
            + prices::WRITES.of(self.people * PERSON_WRITES)
            + prices::FILES.of_bytes(self.people * PERSON_FILES * PERSON_RIF_BYTES)
    }

    fn claims_units(self) -> u128 {
        self.deeds(|deed| deed.claims_units_thousandths) / THOUSAND
    }

    fn new_claims(self) -> u128 {
        prices::WRITES.of_thousandths(self.people * NEW_CLAIMS_THOUSANDTHS)
    }

    fn log_bytes(self) -> u128 {
        self.calls * LOG_BYTES
    }

    fn audit_bytes(self) -> u128 {
        self.calls * AUDIT_BYTES * AUDIT_MONTHS
    }

    fn data_bytes(self) -> u128 {
        let items = CLAIMS_OF_A_PERSON + 1 + YEARS_OF_A_PERSON + IDENTITIES_OF_A_PERSON;
        let person = CLAIMS_OF_A_PERSON * CLAIM_BYTES
            + BENEFICIARY_BYTES
            + YEARS_OF_A_PERSON * YEAR_BYTES
            + IDENTITIES_OF_A_PERSON * IDENTITY_BYTES
            + items * ITEM_OVERHEAD_BYTES;
        self.people * person
    }

    fn total(self) -> u128 {
        LINES.iter().map(|(_, cost)| cost(self)).sum()
    }
}

/// A line of the bill.
type Line = (&'static str, fn(Month) -> u128);

const LINES: [Line; 19] = [
    ("API Gateway", |m| prices::GATEWAY.of(m.calls)),
    ("Lambda", |m| prices::INVOCATIONS.of(m.calls) + m.duration()),
    ("DynamoDB, reads", |m| {
        prices::READS.of_thousandths(m.deeds(|deed| deed.gets) + m.claims_units())
    }),
    ("DynamoDB, writes of calls", |m| {
        prices::WRITES.of_thousandths(m.deeds(|deed| deed.writes + 2 * deed.transacted))
    }),
    ("KMS, signatures", |m| {
        prices::SIGNATURES.of_thousandths(m.deeds(|deed| deed.signatures))
    }),
    ("Firewall, requests", |m| prices::FIREWALL.of(m.calls)),
    ("Logs", |m| prices::LOGS.of_bytes(m.log_bytes())),
    ("Logs, kept a year", |m| {
        prices::KEPT_LOGS.of_bytes(m.log_bytes() * LOG_MONTHS)
    }),
    ("Traces", Month::traces),
    ("Configuration, read again", Month::configuration),
    ("Data to the Internet", |m| {
        prices::TRANSFER.of_bytes(m.deeds(|deed| deed.bytes) / THOUSAND)
    }),
    ("Audit records of six years, with recovery", |m| {
        prices::STORAGE.of_bytes(m.audit_bytes()) + prices::RECOVERY.of_bytes(m.audit_bytes())
    }),
    ("Keys and secrets", |_| {
        prices::KEYS.of(KEYS + ROTATING_KEYS * KEY_ROTATIONS)
            + prices::SECRETS.of(SECRETS)
            + prices::KEY_CALLS.of(KEY_CALLS)
    }),
    ("Metrics, alarms, dashboard", |_| {
        prices::METRICS.of(METRICS) + prices::ALARMS.of(ALARM_METRICS) + prices::DASHBOARDS.of(1)
    }),
    ("Firewall, list and rules", |_| {
        prices::FIREWALL_LISTS.of(1) + prices::FIREWALL_RULES.of(FIREWALL_RULES)
    }),
    ("Claims and people, kept", |m| {
        prices::STORAGE.of_bytes(m.data_bytes())
    }),
    ("Claims and people, recovery", |m| {
        prices::RECOVERY.of_bytes(m.data_bytes())
    }),
    ("New claims, with their files", |m| {
        m.new_claims() + prices::FILES.of_bytes(m.people * CLAIMS_OF_A_PERSON * RIF_BYTES)
    }),
    ("People's rows again, with their files", Month::people_again),
];

/// The month of which the page tells what each switch saves.
const EXAMPLE: Month = Month {
    calls: MILLION,
    people: 10 * MILLION,
};

/// What a switch saves; some cost elsewhere what they save, which is taken off.
const SWITCHES: [Line; 7] = [
    (
        "Infrequent access for the claims table, a change of infra/data.yaml",
        |m| {
            let more = |plain: u128| plain / 4;
            let kept = prices::STORAGE.of_bytes(m.data_bytes())
                - prices::STORAGE_SELDOM.of_bytes(m.data_bytes());
            kept - more(m.new_claims()) - more(prices::READS.of_thousandths(m.claims_units()))
        },
    ),
    (
        "No point-in-time recovery of claims, a change of infra/data.yaml: they can be loaded again",
        |m| prices::RECOVERY.of_bytes(m.data_bytes()),
    ),
    (
        "No metrics by route and status class (shared/src/metrics/line.rs)",
        |_| prices::METRICS.of(METRICS_OF_ROUTES),
    ),
    (
        "`Firewall=off`, where something else stands in front",
        |m| {
            prices::FIREWALL.of(m.calls)
                + prices::FIREWALL_LISTS.of(1)
                + prices::FIREWALL_RULES.of(FIREWALL_RULES)
        },
    ),
    ("`LogRetentionDays=30`", |m| {
        prices::KEPT_LOGS.of_bytes(m.log_bytes() * (LOG_MONTHS - LOG_MONTHS_SHORT))
    }),
    // Half of the billed time is work, which takes twice as long: three quarters of the price are left.
    (
        "Each `MemorySize` halved (template.yaml): starts and pages take twice as long",
        |m| m.duration() / 4,
    ),
    ("`Tracing: PassThrough` (template.yaml)", Month::traces),
];

/// A part of the page that is written here.
type Part = (&'static str, fn() -> String);

const PARTS: [Part; 8] = [
    ("formula", formula),
    ("weights", weights),
    ("months", months),
    ("lines", lines),
    ("loading", loading),
    ("switches", switches),
    ("calls", calls),
    ("prices", price_list),
];

/// What stands there anyway, what a million calls add, and what a million people add.
fn parts_of_the_formula() -> [u128; 3] {
    let of = |calls, people| Month { calls, people }.total();
    let fixed = of(0, 0);
    [fixed, of(MILLION, 0) - fixed, of(0, MILLION) - fixed]
}

fn formula() -> String {
    let [fixed, of_calls, of_people] = parts_of_the_formula().map(cents);
    format!(
        "    dollars a month = {fixed} + {of_calls} × calls / 1,000,000 + {of_people} × people / 1,000,000\n"
    )
}

fn weights() -> String {
    let [fixed, of_calls, of_people] = parts_of_the_formula();
    let millions = |cost: u128| {
        let tenths = (cost * 10 + of_people / 2) / of_people;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    format!(
        "What stands there anyway costs as much as the data of {} million people, and a million calls a month as much as the\n\
         data of {} million. With more people than both together, their data is the larger part of the bill.\n",
        millions(fixed),
        millions(of_calls)
    )
}

fn months() -> String {
    let mut out =
        "| calls a month | 1 million people | 10 million | 60 million |\n|---|---|---|---|\n"
            .to_owned();
    for calls in CALLS {
        let cells = PEOPLE.map(|people| dollars(Month { calls, people }.total()));
        out += &format!("| {} | {} |\n", grouped(calls), cells.join(" | "));
    }
    out
}

fn lines() -> String {
    let mut out = "| | 1,000 calls, 1 million people | 100,000 calls, 10 million | 1,000,000 calls, 60 million |\n\
                   |---|---|---|---|\n"
        .to_owned();
    let months = [0, 1, 2].map(|n| Month {
        calls: CALLS[n],
        people: PEOPLE[n],
    });
    for (name, cost) in LINES {
        out += &format!(
            "| {name} | {} |\n",
            months.map(|month| dollars(cost(month))).join(" | ")
        );
    }
    out += &format!(
        "| **all** | {} |\n",
        months.map(|month| dollars(month.total())).join(" | ")
    );
    out
}

fn loading() -> String {
    let mut out =
        "| people | claims | by writes on demand | by import from S3 |\n|---|---|---|---|\n"
            .to_owned();
    for people in PEOPLE {
        let claims = people * CLAIMS_OF_A_PERSON;
        let items = claims + people * (1 + YEARS_OF_A_PERSON + IDENTITIES_OF_A_PERSON);
        let import = prices::IMPORT.of_bytes(items * IMPORTED_CLAIM_BYTES);
        let cells = [
            grouped(people),
            grouped(claims),
            dollars(prices::WRITES.of(items)),
            dollars(import),
        ];
        out += &format!("| {} |\n", cells.join(" | "));
    }
    out
}

fn switches() -> String {
    let mut out = "| switch | saves a month |\n|---|---|\n".to_owned();
    for (name, saved) in SWITCHES {
        out += &format!("| {name} | {} |\n", dollars(saved(EXAMPLE)));
    }
    out
}

fn calls() -> String {
    let mut out = "| what a caller does | requests | reads | reads of claims | queries of claims | writes | \
                   items in transactions | signatures | read units of claims | billed ms | at MB | bytes out | of 1,000 calls |\n\
                   |---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for deed in &DEEDS {
        let counted = [
            deed.requests,
            deed.gets,
            deed.claims_gets,
            deed.queries,
            deed.writes,
            deed.transacted,
            deed.signatures,
            deed.claims_units_thousandths / THOUSAND,
            deed.milliseconds,
            deed.function.1,
            deed.bytes,
            deed.of_thousand,
        ];
        out += &format!("| {} | {} |\n", deed.name, counted.map(grouped).join(" | "));
    }
    out
}

fn price_list() -> String {
    let mut out = format!(
        "us-east-1, {PRICES_OF}, first tier, without free tiers and taxes.\n\n\
         | what | dollars | for | source: AWS's price page of | checked |\n|---|---|---|---|---|\n"
    );
    for price in prices::ALL {
        let unit = match price.units {
            1 => price.unit.to_owned(),
            units => format!("{} {}", grouped(units), price.unit),
        };
        let dollars = exact(price.micro_dollars);
        out += &format!(
            "| {} | {dollars} | {unit} | {} | to be checked |\n",
            price.what, price.source
        );
    }
    out
}

/// Dollars and cents.
fn cents(micro_dollars: u128) -> String {
    let cents = (micro_dollars + 5_000) / 10_000;
    format!("{}.{:02}", grouped(cents / 100), cents % 100)
}

/// Cents as long as they matter.
fn dollars(micro_dollars: u128) -> String {
    match micro_dollars < 100 * MILLION {
        true => cents(micro_dollars),
        false => grouped((micro_dollars + MILLION / 2) / MILLION),
    }
}

/// All digits of a price.
fn exact(micro_dollars: u128) -> String {
    let text = format!("{}.{:06}", micro_dollars / MILLION, micro_dollars % MILLION);
    let text = text.trim_end_matches('0');
    let digits = text.split('.').next_back().map_or(0, str::len);
    format!("{text}{}", "0".repeat(2_usize.saturating_sub(digits)))
}

/// A number with commas between thousands.
fn grouped(number: u128) -> String {
    match number {
        0..THOUSAND => number.to_string(),
        _ => format!("{},{:03}", grouped(number / THOUSAND), number % THOUSAND),
    }
}

/// The page with its tables as they are reckoned now; None where it has lost the marks around one.
fn rendered(page: &str) -> Option<String> {
    PARTS
        .iter()
        .try_fold(page.to_owned(), |page, (name, part)| {
            let begin = format!("<!-- {name}: written by `cargo xtask cost` -->\n");
            let end = format!("<!-- end of {name} -->\n");
            let (head, rest) = page.split_once(&begin)?;
            let (_, tail) = rest.split_once(&end)?;
            Some([head, &begin, &part(), &end, tail].concat())
        })
}

/// Writes the tables into the page.
pub(crate) fn write(root: &Path) -> Outcome {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).unwrap_or_default();
    let page = rendered(&page)
        .ok_or_else(|| Failure::new(format!("{PAGE} has lost the marks around a table.")))?;
    fs::write(path, page).map_err(|error| Failure::new(format!("{PAGE}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_formula_gives() {
        let page = read(PAGE);
        assert_eq!(
            Some(&page),
            rendered(&page).as_ref(),
            "run `cargo xtask cost`"
        );
    }

    #[test]
    fn of_a_thousand_calls_each_has_its_kind() {
        let all: u128 = DEEDS.iter().map(|deed| deed.of_thousand).sum();
        assert_eq!(all, THOUSAND);
        assert!(
            DEEDS
                .iter()
                .all(|deed| deed.of_thousand % deed.requests == 0)
        );
    }

    #[test]
    fn the_templates_have_as_many_secrets_rules_and_rotating_keys_and_as_much_memory_as_is_reckoned()
     {
        let templates = [
            "template.yaml",
            "infra/data.yaml",
            "infra/observability.yaml",
            "infra/edge.yaml",
        ];
        let [application, data, observability, edge] = templates.map(read);
        let check = |text: &str, what: &str, count: u128| {
            assert_eq!(text.matches(what).count() as u128, count, "{what}");
        };
        check(&data, "Type: AWS::SecretsManager::Secret\n", SECRETS);
        check(&edge, "\n          Priority: ", FIREWALL_RULES);
        check(
            &(data + &observability),
            "EnableKeyRotation: true\n",
            ROTATING_KEYS,
        );
        for deed in &DEEDS {
            let (function, megabytes) = deed.function;
            assert_eq!(memory_of(&application, function), megabytes, "{function}");
        }
    }

    fn read(file: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(file);
        fs::read_to_string(path).unwrap()
    }

    /// What the function says of its memory, or else what all say.
    fn memory_of(application: &str, function: &str) -> u128 {
        let (first, rest) = function.split_at(1);
        let begin = format!("\n  {}{rest}Function:\n", first.to_uppercase());
        let (before, own) = application.split_once(&begin).unwrap();
        let own = own.split("Function:\n").next().unwrap();
        let said = |text: &str| {
            let (_, value) = text.split_once("MemorySize: ")?;
            value.lines().next()?.parse().ok()
        };
        said(own).or_else(|| said(before)).unwrap()
    }

    #[test]
    fn traces_and_readings_are_no_more_than_seconds_and_minutes_ask_for() {
        let of = |calls| Month { calls, people: 0 };
        let check = |cost: u128, micro_dollars: u128| assert_eq!(cost, micro_dollars);
        check(of(MILLION).traces(), 5 * MILLION);
        check(of(2 * MILLION + SECONDS_OF_A_MONTH).traces(), 13_649_000);
        check(of(10_000).configuration(), 80_000);
        check(of(MILLION).configuration(), of(2 * MILLION).configuration());
    }

    #[test]
    fn amounts_are_written_as_people_read_them() {
        let check = |written: String, expected: &str| assert_eq!(written, expected);
        check(dollars(0), "0.00");
        check(dollars(12_345_000), "12.35");
        check(dollars(1_234_567_890), "1,235");
        check(exact(13_333_400), "13.3334");
        check(exact(125_000), "0.125");
        check(exact(5_000_000), "5.00");
        check(exact(200_000), "0.20");
        check(grouped(8_160_000_000), "8,160,000,000");
    }

    #[test]
    fn a_quantity_costs_what_its_price_says() {
        let check = |cost: u128, micro_dollars: u128| assert_eq!(cost, micro_dollars);
        check(prices::GATEWAY.of(2 * MILLION), 7 * MILLION);
        check(prices::READS.of_thousandths(500), 0);
        check(prices::READS.of_thousandths(4_000 * MILLION), 500_000);
        check(prices::STORAGE.of_bytes(4 * GIGABYTE), MILLION);
    }
}
