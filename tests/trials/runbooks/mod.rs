//! The runbooks, as their reader works through them: every command is run, in the order of the page, on a data stack of
//! the test's own, and does what the page says. What a local AWS does not have is checked for its spelling.

mod effects;
mod page;
mod reader;
mod shell;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::Arc;

use serde_json::Value;
use stand::local;

use effects::{PREFIX, World};
use page::{Page, first_steps, folder, pages};
use reader::Reader;
use shell::{ELSEWHERE, NOWHERE, Shell, Tools};

/// The data stack of the test's own, in the process that works on it.
const STACK: &str = "RUNBOOKS_STACK";

const TEST: &str = "runbooks::every_command_runs_and_does_what_its_page_says";

/// What the index says goes before everything else, and is worked through before each page.
const INDEX: &str = "index";

/// Takes away what the others work on.
const LAST: &str = "delete-stack";

const PEOPLE: &str = "4";

/// The programs that the pages call; `None`, and a line that says so, where one is missing.
fn tools() -> Option<Tools> {
    let python = variable("BLUEBUTTON_AWS_PYTHON")?;
    let admin = variable("BLUEBUTTON_ADMIN")?;
    variable("AWS_ENDPOINT_URL")?;
    Some(Tools::start(python, admin))
}

fn variable(name: &str) -> Option<String> {
    local::needed(name)?.into_string().ok()
}

/// A process reads its environment once, so the test starts itself again in that of its own stack.
#[tokio::test]
async fn every_command_runs_and_does_what_its_page_says() {
    let Some(tools) = tools() else {
        return;
    };
    match env::var(STACK) {
        Ok(stack) => work_through(&Arc::new(tools), &stack).await,
        Err(_) => start_again_on_a_stack_of_its_own(&tools),
    }
}

fn start_again_on_a_stack_of_its_own(tools: &Tools) {
    let stack = format!("runbooks-{}", process::id());
    let folder = env::temp_dir().join(&stack);
    fs::create_dir_all(&folder).unwrap();
    let description = folder.join("setup.json");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/data.yaml");
    let mut setup = tools.admin();
    setup.args(["setup", "--stack", &stack, "--template"]);
    succeed(setup.arg(template).arg("--out").arg(&description));
    let text = fs::read_to_string(&description).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let names = description["environment"].as_object().unwrap();
    let names = names
        .iter()
        .map(|(name, value)| (name, value.as_str().unwrap()));
    let mut again = Command::new(env::current_exe().unwrap());
    again.args([TEST, "--exact", "--nocapture"]);
    succeed(again.envs(names).env(STACK, &stack));
}

/// Runs a program that has to succeed, and shows what it said if it does not.
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&said)
    );
}

/// The pages whose commands change what is looked at go one after the other; the rest beside them.
async fn work_through(tools: &Arc<Tools>, stack: &str) {
    let world = World::of_the_environment().await;
    furnish(tools, stack);
    let rest = std::thread::spawn({
        let (tools, stack) = (Arc::clone(tools), stack.to_owned());
        move || read_the_rest(&tools, &stack)
    });
    let pages = pages();
    let watched = || pages.iter().filter(|page| effects::is_watched(&page.name));
    for page in watched().filter(|page| page.name != LAST) {
        let reader = open(tools, stack, page, index(&pages));
        world.watch(&page.name, reader).await;
    }
    let first_steps = first_steps();
    let reader = open(tools, stack, &first_steps, index(&pages));
    world.first_steps(reader).await;
    if let Err(panic) = rest.join() {
        std::panic::resume_unwind(panic);
    }
    let last = watched().find(|page| page.name == LAST).unwrap();
    let reader = open(tools, stack, last, index(&pages));
    world.watch(LAST, reader).await;
}

/// The pages of which it is enough that every command succeeds.
fn read_the_rest(tools: &Tools, stack: &str) {
    let pages = pages();
    for page in pages.iter().filter(|page| !effects::is_watched(&page.name)) {
        let mut reader = open(tools, stack, page, index(&pages));
        reader.knows("FUNCTION", "eob");
        reader.knows("ISSUER", NOWHERE);
        if page.name != INDEX {
            know_of_the_deployment(&mut reader);
        }
        reader.finish();
    }
}

/// What a reader looks up before the page.
fn know_of_the_deployment(reader: &mut Reader<'_>) {
    const LOOKED_UP: [(&str, &str); 5] = [
        (
            "CLIENT_ID",
            "bluebutton-admin application list | sed -n '1s/ .*//p'",
        ),
        (
            "KEY",
            "aws s3api list-objects-v2 --bucket \"$RIF_BUCKET\" --query 'Contents[0].Key' --output text",
        ),
        ("LINE", "echo 2"),
        ("KEY_ID", "echo \"$DATA_KEY\""),
        ("SETTINGS_FILE", "echo '{}' > settings; echo settings"),
    ];
    for (name, command) in LOOKED_UP {
        let value = reader.aside(command);
        reader.knows(name, value.trim());
    }
}

/// A reader of a page who has worked through the index.
fn open<'a>(tools: &'a Tools, stack: &str, page: &'a Page, index: &'a Page) -> Reader<'a> {
    let shell = Shell::new(&page.name, tools);
    // What a whole deployment has besides its data.
    for (name, value) in [
        ("STACK", stack.to_owned()),
        ("RIF_BUCKET", bucket(stack)),
        ("API_ID", ELSEWHERE.to_owned()),
    ] {
        shell.set(name, &value).unwrap();
    }
    Reader::open(page, index, shell)
}

fn index(pages: &[Page]) -> &Page {
    pages.iter().find(|page| page.name == INDEX).unwrap()
}

fn bucket(stack: &str) -> String {
    format!("{stack}-rif")
}

/// People, their files in a bucket, logs, and the queue of files that were not loaded.
fn furnish(tools: &Tools, stack: &str) {
    let shell = Shell::new("furniture", tools);
    let script = format!(
        r#"
        bluebutton-admin synthesize --beneficiaries {PEOPLE} --out rif
        bluebutton-admin load rif
        aws s3 mb 's3://{bucket}'
        aws s3 cp rif 's3://{bucket}/{PREFIX}' --recursive
        aws sqs create-queue --queue-name '{stack}-dead-letters'
        for log in api authorize token userinfo patient coverage eob discovery portal ingest metrics rotate; do
          aws logs create-log-group --log-group-name "/bluebutton/{stack}/$log"
        done
        "#,
        bucket = bucket(stack)
    );
    shell.run(&script).unwrap();
}

#[test]
fn a_command_that_is_wrong_is_found() {
    let Some(tools) = tools() else {
        return;
    };
    let shell = Shell::new("wrong", &tools);
    for wrong in [
        "aws dynamodb list-tabels",
        "aws dynamodb list-tables --limits 3",
        "aws dynamodb describe-table --table-name there-is-none",
        "bluebutton-admin aplication list",
        "bluebutton-admin outputs there-is-none",
        "false | true",
        "echo \"$NOBODY_SET_THIS\"",
        "there-is-no-such-program",
    ] {
        assert!(shell.run(wrong).is_err(), "{wrong}");
    }
    for wrong in [
        "aws lambda put-function-concurrencies --function-name x",
        "aws lambda put-function-concurrency --function-name x",
        "aws lambda put-function-concurrency --function-name x --reserved-concurrent-executions many",
        "aws dynamodb update-table --table-name abc --on-demand-throughput MaxRead=1",
        "aws dynamodb wait table-is-there --table-name abc",
        "bluebutton-admin rotate drop everything",
        "curl --no-such-option \"$BASE_URL\"",
        "echo \"$NOBODY_SET_THIS\"",
    ] {
        assert!(shell.check(wrong).is_err(), "{wrong}");
    }
    let right = "aws lambda put-function-concurrency --function-name x --reserved-concurrent-executions 1\n\
                 bluebutton-admin rotate drop current\ncurl --fail \"$BASE_URL\"";
    assert_eq!(shell.check(right).unwrap().trim(), ELSEWHERE);
}

#[test]
fn every_alarm_has_its_page_and_every_page_its_parts_and_its_place_in_the_index() {
    const PARTS: [&str; 4] = [
        "\n## See what",
        "\n## Do",
        "\n## It is over when",
        "\n## Do not",
    ];
    let pages = pages();
    let names: BTreeSet<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    for alarm in alarms() {
        assert!(names.contains(alarm.as_str()), "{alarm}");
        let row = format!("| `{alarm}` |");
        assert!(index(&pages).text.contains(&row), "{alarm}");
    }
    for page in pages.iter().filter(|page| page.name != INDEX) {
        let link = format!("({}.md)", page.name);
        assert!(index(&pages).text.contains(&link), "{}", page.name);
        let says = |part: &str| page.text.contains(part);
        assert!(
            says("\n**Means:** ") || says("\n**When:** "),
            "{}",
            page.name
        );
        for part in PARTS {
            assert!(says(part), "{}: {}", page.name, part.trim());
        }
    }
}

/// The alarms of the templates, without the stack's name in front.
fn alarms() -> BTreeSet<String> {
    const NAMES: [&str; 2] = [
        "AlarmName: !Sub \"${Name}-",
        "BudgetName: !Sub \"${Name}-${AWS::Region}-",
    ];
    let templates = ["observability.yaml", "edge.yaml", "budget.yaml"];
    let text: String = templates
        .iter()
        .map(|file| fs::read_to_string(folder().join("../..").join(file)).unwrap())
        .collect();
    let named = NAMES.iter().flat_map(|name| text.split(name).skip(1));
    let alarms: BTreeSet<_> = named
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert!(alarms.len() >= 10, "the templates lost their alarms");
    alarms
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    for page in pages() {
        for link in page.text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let text = fs::read_to_string(folder().join(file));
            let text = text.unwrap_or_else(|_| panic!("{}: {link}", page.name));
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            let found = heading.is_empty() || headings.any(|line| anchor(line) == heading);
            assert!(found, "{}: {link}", page.name);
        }
    }
}

#[test]
fn every_message_and_metric_that_a_page_looks_for_is_written_somewhere() {
    let root = folder().join("../../..");
    let sources = ["shared/src", "functions"].map(|part| sources(&root.join(part)));
    let sources = sources.concat();
    let is_written = |text: &str| sources.contains(&format!("\"{text}\""));
    for page in pages().into_iter().chain([first_steps()]) {
        let looks_for = |before: &str, end: &[char]| -> Vec<String> {
            let found = page.text.split(before).skip(1);
            found
                .map(|rest| rest.split(end).next().unwrap().to_owned())
                .collect()
        };
        for message in looks_for("message = \"", &['"']) {
            assert!(is_written(&message), "{}: {message}", page.name);
        }
        for call in looks_for("\nmetric ", &['\n']) {
            let name = call.split(' ').nth(1).unwrap();
            assert!(is_written(name), "{}: {name}", page.name);
        }
    }
}

/// All of Rust below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|kind| kind == "rs") => {
            fs::read_to_string(path).unwrap()
        }
        false => String::new(),
    };
    entries.map(text).collect()
}

/// The name by which a heading is linked.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words.replace(' ', "-").replace([',', '.', ':'], "")
}
