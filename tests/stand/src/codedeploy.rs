//! CodeDeploy as far as the function `check` asks it, in the place of the one that no local AWS has: deployments of the
//! stack `bluebutton-sandbox` that wait for their check. It keeps what it was told, and tells that as CodeDeploy does.
//! (<https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html>,
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeploymentTarget.html>)

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::http::{Message, Upstream};

/// Named as CloudFormation names it.
const APPLICATION: &str = "bluebutton-sandbox-ServerlessDeploymentApplication-EXAMPLE1";
/// The group of the function whose check is the longest.
const GROUP: &str = "bluebutton-sandbox-TokenFunctionDeploymentGroup-EXAMPLE2";
/// Of the deployments with this one's id another function moves.
pub const OTHER_DEPLOYMENT: &str = "d-EXAMPLE12";
const OTHER_GROUP: &str = "bluebutton-sandbox-EobFunctionDeploymentGroup-EXAMPLE3";
/// What a check may say.
const STATUSES: [&str; 2] = ["Succeeded", "Failed"];
/// How its operations begin.
const TARGETS: &str = "CodeDeploy_20141006.";

/// What it was told, by deployment.
#[derive(Clone, Default)]
pub(crate) struct CodeDeploy(Arc<Mutex<BTreeMap<String, String>>>);

/// What the CodeDeploy behind that URL was told of a deployment, if it was told anything.
///
/// # Errors
/// When it does not answer.
pub fn told(url: &str, deployment: &str) -> io::Result<Option<String>> {
    let target = format!("{TARGETS}GetDeploymentTarget");
    let body = json!({"deploymentId": deployment, "targetId": "bluebutton-sandbox:token"});
    let asked = Message {
        first_line: "POST / HTTP/1.1".to_owned(),
        // Unsigned: nobody needs a right for it.
        headers: vec![("x-amz-target".to_owned(), target)],
        body: body.to_string().into_bytes(),
    };
    let answer = Upstream::at(url.trim_start_matches("http://")).answer(&asked)?;
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let events = &answer["deploymentTarget"]["lambdaTarget"]["lifecycleEvents"];
    Ok(events[0]["status"].as_str().map(str::to_owned))
}

/// What policies know the deployment of a request by.
pub(crate) fn resource(body: &Value) -> String {
    format!("deploymentgroup:{APPLICATION}/{}", group(body))
}

fn group(body: &Value) -> &'static str {
    match body["deploymentId"] == OTHER_DEPLOYMENT {
        true => OTHER_GROUP,
        false => GROUP,
    }
}

/// Whether a request is for CodeDeploy.
pub(crate) fn is_asked(request: &Message) -> bool {
    let target = request.header("x-amz-target");
    target.is_some_and(|target| target.starts_with(TARGETS))
}

impl CodeDeploy {
    /// The answer to a call.
    pub(crate) fn answer(&self, request: &Message) -> Message {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (status, answer) = self.answered(request.operation().unwrap_or_default(), &body);
        Message::answer(status, &answer.to_string())
    }

    fn answered(&self, operation: &str, body: &Value) -> (u16, Value) {
        let refused = |kind: &str| (400, json!({"__type": kind}));
        let Some(deployment) = body["deploymentId"].as_str() else {
            return refused("DeploymentIdRequiredException");
        };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let execution = body["lifecycleEventHookExecutionId"].as_str();
        let is_status = |status: &&str| STATUSES.contains(status);
        match (operation, execution) {
            ("GetDeployment", _) => {
                let info = json!({
                    "deploymentId": deployment, "applicationName": APPLICATION,
                    "deploymentGroupName": group(body),
                });
                (200, json!({"deploymentInfo": info}))
            }
            ("GetDeploymentTarget", _) => {
                let event = |status: &String| json!({"lifecycleEventName": "BeforeAllowTraffic", "status": status});
                let events: Vec<_> = told.get(deployment).map(event).into_iter().collect();
                let target = json!({"deploymentId": deployment, "lifecycleEvents": events});
                let target =
                    json!({"deploymentTargetType": "LambdaTarget", "lambdaTarget": target});
                (200, json!({"deploymentTarget": target}))
            }
            ("PutLifecycleEventHookExecutionStatus", Some(execution)) => {
                match body["status"].as_str().filter(is_status) {
                    Some(status) => {
                        told.insert(deployment.to_owned(), status.to_owned());
                        (200, json!({"lifecycleEventHookExecutionId": execution}))
                    }
                    None => refused("InvalidLifecycleEventHookExecutionStatusException"),
                }
            }
            _ => refused("UnsupportedActionForDeploymentTypeException"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_a_check_asks_and_refuses_everything_else() {
        let codedeploy = CodeDeploy::default();
        let check = |operation: &str, body: Value, expected: u16| {
            let (status, answer) = codedeploy.answered(operation, &body);
            assert_eq!(status, expected, "{operation} {body}: {answer}");
        };
        let told = |status: &str| json!({"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e", "status": status});
        let put = "PutLifecycleEventHookExecutionStatus";
        check("GetDeployment", json!({"deploymentId": "d-1"}), 200);
        check("GetDeployment", json!({}), 400);
        check(put, told("Succeeded"), 200);
        check(put, told("Failed"), 200);
        check(put, told("Maybe"), 400);
        check(
            put,
            json!({"deploymentId": "d-1", "status": "Succeeded"}),
            400,
        );
        check("CreateDeployment", json!({"deploymentId": "d-1"}), 400);
    }

    #[test]
    fn tells_what_it_was_told_last_of_each_deployment() {
        let codedeploy = CodeDeploy::default();
        let tell = |deployment: &str, status: &str| {
            let body = json!({"deploymentId": deployment, "lifecycleEventHookExecutionId": "e", "status": status});
            codedeploy.answered("PutLifecycleEventHookExecutionStatus", &body);
        };
        tell("d-1", "Succeeded");
        tell("d-2", "Succeeded");
        tell("d-2", "Failed");
        for (deployment, expected) in [
            ("d-1", json!("Succeeded")),
            ("d-2", json!("Failed")),
            ("d-3", json!(null)),
        ] {
            let asked = json!({"deploymentId": deployment});
            let (_, answer) = codedeploy.answered("GetDeploymentTarget", &asked);
            let events = &answer["deploymentTarget"]["lambdaTarget"]["lifecycleEvents"];
            assert_eq!(events[0]["status"], expected, "{deployment}");
        }
    }
}
