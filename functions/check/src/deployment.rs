//! What CodeDeploy says of a deployment.
//! (<https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html>)

use serde_json::Value;

/// A deployment, as far as a check asks about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// The name of its group: the stack's, the function's in the template, and what CloudFormation adds to them.
    pub(crate) group: String,
    /// Functions by name, with the version that their alias is to move to.
    moves: Vec<(String, String)>,
}

impl Deployment {
    /// From the answer to `GetDeployment`; `None` when it names no group.
    pub(crate) fn from_answer(answer: &Value) -> Option<Self> {
        let info = &answer["deploymentInfo"];
        Some(Self {
            group: info["deploymentGroupName"].as_str()?.to_owned(),
            moves: moves(&info["revision"]).unwrap_or_default(),
        })
    }

    /// The function that is to move to another version than the one that the check calls, if one is: a check that was
    /// not renewed before the aliases move would wave everything through.
    pub(crate) fn unchecked<'a>(&'a self, checked: &[String]) -> Option<&'a str> {
        let is_unchecked = |(name, version): &&(String, String)| {
            let function = format!(":function:{name}:");
            let called = checked.iter().find(|arn| arn.contains(&function));
            called.is_some_and(|arn| !arn.ends_with(&format!("{function}{version}")))
        };
        let found = self.moves.iter().find(is_unchecked);
        found.map(|(name, _)| name.as_str())
    }
}

/// The aliases that the AppSpec of a revision moves. CloudFormation writes it as JSON; of another nothing is known.
fn moves(revision: &Value) -> Option<Vec<(String, String)>> {
    let text = ["string", "appSpecContent"]
        .iter()
        .find_map(|kind| revision[kind]["content"].as_str())?;
    let specification: Value = serde_json::from_str(text).ok()?;
    let resources = specification["Resources"].as_array()?.iter();
    let properties = resources
        .filter_map(Value::as_object)
        .flat_map(|resource| resource.values())
        .map(|resource| &resource["Properties"]);
    let found = properties.filter_map(|properties| {
        let text = |name: &str| properties[name].as_str().map(str::to_owned);
        Some((text("Name")?, text("TargetVersion")?))
    });
    Some(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CHECKED: [&str; 2] = [
        "arn:aws:lambda:us-east-1:000000000000:function:bluebutton-token:7",
        "arn:aws:lambda:us-east-1:000000000000:function:bluebutton-eob:12",
    ];

    #[test]
    fn a_version_that_the_check_does_not_call_is_named() {
        check("bluebutton-token", "7", None);
        check("bluebutton-eob", "12", None);
        check("bluebutton-eob", "2", Some("bluebutton-eob"));
        check("bluebutton-token", "8", Some("bluebutton-token"));
        // The check calls no `portal`.
        check("bluebutton-portal", "3", None);

        fn check(name: &str, version: &str, expected: Option<&str>) {
            let function = json!({"Type": "AWS::Lambda::Function", "Properties": {
                "Name": name, "Alias": "live", "CurrentVersion": "1", "TargetVersion": version,
            }});
            let content =
                json!({"version": 0.0, "Resources": [{ "Function": function }]}).to_string();
            for kind in ["string", "appSpecContent"] {
                let revision = json!({ kind: { "content": content } });
                let deployment = deployment(revision);
                let unchecked = deployment.unchecked(&CHECKED.map(str::to_owned));
                assert_eq!(unchecked, expected, "{name} {version}");
            }
        }
    }

    #[test]
    fn of_an_unknown_revision_nothing_is_said() {
        for revision in [
            json!(null),
            json!({"string": {"content": "version: 0.0"}}),
            json!({"s3Location": {"bucket": "b"}}),
            json!({"string": {"content": "{\"Resources\": [{\"Function\": 1}]}"}}),
        ] {
            assert_eq!(
                deployment(revision).unchecked(&CHECKED.map(str::to_owned)),
                None
            );
        }
        assert_eq!(
            Deployment::from_answer(&json!({"deploymentInfo": {}})),
            None
        );
    }

    fn deployment(revision: Value) -> Deployment {
        let info = json!({"deploymentGroupName": "group", "revision": revision});
        Deployment::from_answer(&json!({ "deploymentInfo": info })).expect("a deployment")
    }
}
