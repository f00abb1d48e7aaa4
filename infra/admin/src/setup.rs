//! `setup`: the data resources of a sandbox, made from the template that ops deploy.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::types::Parameter;
use bluebutton::aws_error::words;
use bluebutton::config;
use bluebutton::oauth::{Application, ClientType, DataAccess, Description, RedirectUri};
use bluebutton::store::{ApplicationsTable, StoreError};
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::environment::refuse_real_aws;
use crate::stack;

const CREATE_SECONDS_MAX: u64 = 60;

/// Where CMS's sample applications and SDKs listen on a developer's machine, in both spellings of the slash.
const REDIRECT_URIS: [&str; 4] = [
    "http://localhost:3001/api/bluebutton/callback/",
    "http://localhost:3001/api/bluebutton/callback",
    "http://localhost:8080/testclient/callback",
    "http://localhost:8000/testclient/callback",
];

/// Where an application on the beneficiary's own machine listens, at whatever port is free (RFC 8252 section 7.3).
const NATIVE_REDIRECT_URIS: [&str; 2] = ["http://127.0.0.1/callback", "http://[::1]/callback"];

/// Where the resources come from and where they are described.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The template of the data resources.
    #[arg(long, default_value = "infra/data.yaml")]
    template: PathBuf,
    /// The stack's name; one that exists already is used as it is.
    #[arg(long, default_value = "bluebutton-sandbox")]
    stack: String,
    /// The JSON file to write: the functions' environment and the applications.
    #[arg(long)]
    out: PathBuf,
}

/// Makes the resources and describes them.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let aws = config::aws_of_operator(env!("CARGO_PKG_NAME")).await;
    refuse_real_aws("setup", &aws)?;
    let template = fs::read_to_string(&arguments.template)
        .map_err(|error| format!("{}: {error}", arguments.template.display()))?;
    // A local AWS makes the whole stack before it answers, which on a busy machine takes longer than any request may.
    let patience = Duration::from_secs(CREATE_SECONDS_MAX);
    let timeouts = TimeoutConfig::builder().operation_timeout(patience).build();
    let cloudformation =
        aws_sdk_cloudformation::config::Builder::from(&aws).timeout_config(timeouts);
    let cloudformation = CloudFormation::from_conf(cloudformation.build());
    create(&cloudformation, &arguments.stack, template).await?;
    let outputs = stack::outputs_when_complete(&cloudformation, &arguments.stack).await?;
    let table = outputs
        .get("ApplicationsTable")
        .ok_or("the stack has no output ApplicationsTable")?;
    let table = ApplicationsTable::new(aws_sdk_dynamodb::Client::new(&aws), table);
    let description = json!({
        "environment": environment(&outputs),
        "applications": register_applications(&table).await?,
    });
    fs::write(&arguments.out, serde_json::to_string_pretty(&description)?)
        .map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes an application of a kind out of a usual one.
type Kind = fn(Application) -> Application;

/// The sandbox's applications: two usual ones, so that what one may not do with the other's grants can be tried, and
/// one of each other kind.
const APPLICATIONS: [(&str, Kind); 9] = [
    ("Sandbox app", |usual| usual),
    ("Another sandbox app", |usual| usual),
    ("One-time app", |usual| Application {
        data_access: DataAccess::OneTime,
        ..usual
    }),
    ("Research app", |usual| Application {
        data_access: DataAccess::ResearchStudy,
        ..usual
    }),
    ("App without personal data", |usual| Application {
        require_demographic_scopes: false,
        ..usual
    }),
    ("Public app", |usual| Application {
        client_type: ClientType::Public,
        secrets: Vec::new(),
        redirect_uris: [
            usual.redirect_uris,
            NATIVE_REDIRECT_URIS.map(str::to_owned).to_vec(),
        ]
        .concat(),
        ..usual
    }),
    ("Prescriptions app", |usual| Application {
        part_d_eob_only: true,
        ..usual
    }),
    ("Inactive app", |usual| Application {
        active: false,
        ..usual
    }),
    ("Partner portal", |usual| Application {
        token_management: true,
        ..usual
    }),
];

/// What each says of itself.
const DESCRIPTION: &str =
    "Shows what a beneficiary's app may look like. It is only for trying out.";

async fn register_applications(table: &ApplicationsTable) -> Result<Value, StoreError> {
    let mut registered = Vec::new();
    for (name, kind) in APPLICATIONS {
        let redirect_uris = REDIRECT_URIS.map(redirect_uri).to_vec();
        let (application, secret) = Application::register(name, redirect_uris);
        let application = kind(Application {
            description: Some(Description::parse(DESCRIPTION).expect("it is short")),
            policy_uri: Some("https://app.example/privacy".to_owned()),
            tos_uri: Some("https://app.example/terms".to_owned()),
            support_email: Some("help@app.example".to_owned()),
            ..application
        });
        table.put(&application).await?;
        registered.push(json!({
            "name": name,
            "client_id": application.client_id,
            "client_secret": secret.expose(),
            "redirect_uris": application.redirect_uris,
        }));
    }
    Ok(Value::from(registered))
}

fn redirect_uri(uri: &str) -> RedirectUri {
    RedirectUri::parse(uri).expect("the sandbox's redirect URIs are as applications register them")
}

async fn create(
    cloudformation: &CloudFormation,
    stack: &str,
    template: String,
) -> Result<(), String> {
    let stage = Parameter::builder()
        .parameter_key("Stage")
        .parameter_value("sandbox")
        .build();
    let created = cloudformation
        .create_stack()
        .stack_name(stack)
        .template_body(template)
        .parameters(stage)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_already_exists_exception()) =>
        {
            Ok(())
        }
        Err(error) => Err(format!("the stack cannot be created: {}", words(&error))),
    }
}

/// Tables, secrets and the aliases of keys under the names that the functions read: the output `ClaimsTable` is
/// `CLAIMS_TABLE`.
fn environment(outputs: &BTreeMap<String, String>) -> Map<String, Value> {
    outputs
        .iter()
        .filter(|(name, _)| {
            ["Table", "Secret", "SigningKeys"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .map(|(name, value)| (stack::variable_name(name), Value::from(value.as_str())))
        .collect()
}
