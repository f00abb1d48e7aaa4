//! CodeDeploy as far as the function `check` asks it, in the place of the one that no local AWS has: a deployment of the
//! stack `bluebutton-sandbox` that waits for its check.
//! (<https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html>)

use serde_json::{Value, json};

use crate::http::Message;

/// Named as CloudFormation names it.
const APPLICATION: &str = "bluebutton-sandbox-ServerlessDeploymentApplication-EXAMPLE1";
/// The group of the function whose check is the longest.
const GROUP: &str = "bluebutton-sandbox-TokenFunctionDeploymentGroup-EXAMPLE2";
/// What a check may say.
const STATUSES: [&str; 2] = ["Succeeded", "Failed"];

/// What policies know deployments by.
pub(crate) fn resource() -> String {
    format!("deploymentgroup:{APPLICATION}/{GROUP}")
}

/// The answer to a call.
pub(crate) fn answer(request: &Message) -> Message {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (status, answer) = answered(request.operation().unwrap_or_default(), &body);
    Message::answer(status, &answer.to_string())
}

fn answered(operation: &str, body: &Value) -> (u16, Value) {
    let refused = |kind: &str| (400, json!({"__type": kind}));
    let Some(deployment) = body["deploymentId"].as_str() else {
        return refused("DeploymentIdRequiredException");
    };
    let execution = body["lifecycleEventHookExecutionId"].as_str();
    let is_status = |status: &&Value| STATUSES.iter().any(|known| *status == known);
    match (operation, execution) {
        ("GetDeployment", _) => {
            let info = json!({
                "deploymentId": deployment, "applicationName": APPLICATION, "deploymentGroupName": GROUP,
            });
            (200, json!({"deploymentInfo": info}))
        }
        ("PutLifecycleEventHookExecutionStatus", Some(execution)) => {
            match Some(&body["status"]).filter(is_status) {
                Some(_) => (200, json!({"lifecycleEventHookExecutionId": execution})),
                None => refused("InvalidLifecycleEventHookExecutionStatusException"),
            }
        }
        _ => refused("UnsupportedActionForDeploymentTypeException"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_a_check_asks_and_refuses_everything_else() {
        let check = |operation: &str, body: Value, expected: u16| {
            let (status, answer) = answered(operation, &body);
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
}
