//! What stands between functions and the local AWS and notes which function asks for what, in the words of IAM: the
//! action, what it is done to, and what a policy's conditions look at.
//!
//! Nothing of a key is noted but the kind in front of its `#`, nothing of an object but its bucket, and no value at
//! all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::codedeploy::{self, CodeDeploy};
use crate::http::{Message, Upstream};

/// What IAM decides on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// `dynamodb:PutItem`.
    pub action: String,
    /// The name of a table, secret, bucket or queue, the alias of a key, the version of a function, or the end of an
    /// ARN.
    pub resource: String,
    /// The kind that an item's key begins with (`requests#`), or the key itself where it is a word.
    pub leading: Option<String>,
    /// The attributes that a read names, where it does not take all.
    pub attributes: Option<BTreeSet<String>>,
}

/// Passes calls on, and writes each kind of call of each program into a file once. Those of CodeDeploy it answers
/// itself.
#[derive(Clone)]
pub struct Recorder {
    upstream: String,
    codedeploy: CodeDeploy,
    notes: Arc<Mutex<Notes>>,
}

struct Notes {
    file: File,
    known: BTreeSet<String>,
    aliases: BTreeMap<String, String>,
}

/// Of AWS's names of operations, those that IAM has another name for.
const TRANSACTION: [(&str, &str); 5] = [
    ("Put", "PutItem"),
    ("Update", "UpdateItem"),
    ("Delete", "DeleteItem"),
    ("ConditionCheck", "ConditionCheckItem"),
    ("Get", "GetItem"),
];
/// A PartiQL statement begins with the verb; IAM calls what it does after it.
const STATEMENTS: [(&str, &str); 4] = [
    ("INSERT", "PartiQLInsert"),
    ("UPDATE", "PartiQLUpdate"),
    ("DELETE", "PartiQLDelete"),
    ("SELECT", "PartiQLSelect"),
];
/// The partition keys of the tables, each before what sorts below it.
const PARTITION_KEYS: [&str; 3] = ["pk", "patient", "client_id"];
const WORD_CHARS_MAX: usize = 16;
/// Where requests of the JSON protocols name what they are about.
const NAMES: [(&str, &str); 3] = [
    ("kms", "KeyId"),
    ("secretsmanager", "SecretId"),
    ("sqs", "QueueUrl"),
];
/// What stands for a key while it has neither a name nor an alias: IAM decides by what it is to become.
const NEW_KEY: &str = "a new key";

impl Recorder {
    /// In front of the AWS at that `host:port`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(upstream: &str, file: &Path) -> io::Result<Self> {
        let notes = Notes {
            file: File::create(file)?,
            known: BTreeSet::new(),
            aliases: BTreeMap::new(),
        };
        Ok(Self {
            upstream: upstream.to_owned(),
            codedeploy: CodeDeploy::default(),
            notes: Arc::new(Mutex::new(notes)),
        })
    }

    /// Serves every connection in a thread of its own, without end.
    pub fn serve(&self, listener: &TcpListener) {
        for connection in listener.incoming().flatten() {
            let recorder = self.clone();
            // A caller that goes away ends its connection and nothing else.
            thread::spawn(move || recorder.converse(connection).unwrap_or_default());
        }
    }

    fn converse(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut writer = connection;
        let mut upstream = Upstream::at(&self.upstream);
        while let Some(request) = Message::read(&mut reader)? {
            let answer = match codedeploy::is_asked(&request) {
                true => self.codedeploy.answer(&request),
                false => upstream.answer(&request)?,
            };
            self.note(&request, &mut upstream)?;
            answer.write(&mut writer)?;
        }
        Ok(())
    }

    /// Before the answer leaves: what a program has done is noted when it goes on.
    fn note(&self, request: &Message, upstream: &mut Upstream) -> io::Result<()> {
        let program = program(request);
        for mut asked in asked(request) {
            if asked.action.starts_with("kms:") && asked.resource != NEW_KEY {
                asked.resource = self.alias(asked.resource, request, upstream)?;
            }
            let line = json!({
                "program": program, "action": asked.action, "resource": asked.resource,
                "leading": asked.leading, "attributes": asked.attributes,
            });
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let line = line.to_string();
            if notes.known.insert(line.clone()) {
                writeln!(notes.file, "{line}")?;
            }
        }
        Ok(())
    }

    /// The alias of a key, which is what policies know it by; the key itself while it has none.
    fn alias(&self, key: String, asking: &Message, upstream: &mut Upstream) -> io::Result<String> {
        let known = || self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alias) = known().aliases.get(&key).cloned() {
            return Ok(alias);
        }
        // The local AWS checks no signatures, so the caller's own headers do.
        let list = Message {
            first_line: asking.first_line.clone(),
            headers: asking
                .headers
                .iter()
                .map(|(name, value)| match name.to_ascii_lowercase().as_str() {
                    "x-amz-target" => (name.clone(), "TrentService.ListAliases".to_owned()),
                    _ => (name.clone(), value.clone()),
                })
                .collect(),
            body: json!({"KeyId": key}).to_string().into_bytes(),
        };
        let answer: Value = serde_json::from_slice(&upstream.answer(&list)?.body)?;
        let Some(alias) = answer["Aliases"][0]["AliasName"].as_str() else {
            return Ok(key);
        };
        known().aliases.insert(key, alias.to_owned());
        Ok(alias.to_owned())
    }
}

/// The program that asks, by the SDK's app name in its user agent.
fn program(request: &Message) -> String {
    let agent = request
        .header("x-amz-user-agent")
        .or(request.header("user-agent"));
    let mut words = agent.unwrap_or_default().split(' ');
    let name = words.find_map(|word| word.strip_prefix("app/"));
    name.unwrap_or("a program without a name").to_owned()
}

/// What a request asks for: one entry for each thing that IAM would decide on.
#[must_use]
fn asked(request: &Message) -> Vec<Asked> {
    let service = service(request);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (service, request.operation()) {
        ("dynamodb", Some(operation)) => of_tables(operation, &body),
        ("s3", _) => vec![of_bucket(request)],
        ("lambda", _) => vec![of_function(request)],
        ("codedeploy", Some(operation)) => vec![Asked {
            action: format!("codedeploy:{operation}"),
            resource: codedeploy::resource(&body),
            ..Asked::default()
        }],
        // Nobody's rights are asked for what nobody has signed.
        ("", _) => Vec::new(),
        ("kms", Some("CreateKey")) => of_new_key(&body),
        ("kms", Some("CreateAlias")) => of_new_alias(&body),
        (service, Some(operation)) => vec![of_named(service, operation, &body)],
        (service, None) => vec![Asked {
            action: format!("{service}:{}", request.first_line),
            ..Asked::default()
        }],
    }
}

/// The service that the signature is for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn service(request: &Message) -> &str {
    let scope = request.header("authorization").unwrap_or_default();
    scope.split('/').nth(3).unwrap_or_default()
}

fn of_tables(operation: &str, body: &Value) -> Vec<Asked> {
    let table = |action: &str, part: &Value| Asked {
        action: format!("dynamodb:{action}"),
        resource: part["TableName"].as_str().unwrap_or_default().to_owned(),
        leading: leading(part),
        attributes: attributes(part),
    };
    let list = |name: &str| body[name].as_array().into_iter().flatten();
    match operation {
        "TransactWriteItems" | "TransactGetItems" => list("TransactItems")
            .filter_map(|part| part.as_object()?.iter().next())
            .map(|(name, part)| table(renamed(&TRANSACTION, name), part))
            .collect(),
        "ExecuteStatement" => vec![of_statement(body)],
        "BatchExecuteStatement" => list("Statements").map(of_statement).collect(),
        "ExecuteTransaction" => list("TransactStatements").map(of_statement).collect(),
        "BatchGetItem" | "BatchWriteItem" => body["RequestItems"]
            .as_object()
            .into_iter()
            .flat_map(|tables| tables.keys())
            .map(|name| table(operation, &json!({"TableName": name})))
            .collect(),
        _ => vec![table(operation, body)],
    }
}

fn renamed<'a>(names: &[(&str, &'a str)], name: &'a str) -> &'a str {
    let found = names
        .iter()
        .find(|(from, _)| name.eq_ignore_ascii_case(from));
    found.map_or(name, |(_, to)| to)
}

/// `INSERT INTO "table" VALUE ...`: the table is the first word in double quotes.
fn of_statement(part: &Value) -> Asked {
    let statement = part["Statement"].as_str().unwrap_or_default().trim_start();
    let verb = statement.split_whitespace().next().unwrap_or_default();
    Asked {
        action: format!("dynamodb:{}", renamed(&STATEMENTS, verb)),
        resource: statement.split('"').nth(1).unwrap_or_default().to_owned(),
        ..Asked::default()
    }
}

/// The kind of a key such as `requests#client#...`: the words in front, each with its `#`; or the whole of a key of
/// short words alone, as no id, no hash and no token is.
fn leading(part: &Value) -> Option<String> {
    let key = ["Key", "Item"]
        .iter()
        .find_map(|name| part[name].as_object())?;
    let partition = PARTITION_KEYS.iter().find_map(|name| key.get(*name))?;
    let key = partition["S"].as_str()?;
    let words = key.split_inclusive('#');
    let kind: String = words
        .take_while(|word| is_word(word.strip_suffix('#').unwrap_or(word)))
        .collect();
    (!kind.is_empty()).then_some(kind)
}

fn is_word(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-' || c == '_';
    (1..=WORD_CHARS_MAX).contains(&text.len()) && text.chars().all(is_part)
}

/// The attributes of a read with a projection: those of the key and those that it names.
fn attributes(part: &Value) -> Option<BTreeSet<String>> {
    let projection = part["ProjectionExpression"].as_str()?;
    let names = &part["ExpressionAttributeNames"];
    let named = projection.split(',').map(str::trim);
    let named = named.map(|name| names[name].as_str().unwrap_or(name).to_owned());
    let key = part["Key"].as_object().into_iter().flatten();
    Some(key.map(|(name, _)| name.clone()).chain(named).collect())
}

/// `/bucket/key?x-id=GetObject`, as the SDK's client says it; a GET of a key without a query is the same.
fn of_bucket(request: &Message) -> Asked {
    let mut words = request.first_line.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let is_object = target.split('/').nth(2).is_some_and(|key| !key.is_empty());
    let usual = match method == Some("GET") && is_object && !target.contains('?') {
        true => "GetObject",
        false => "unknown",
    };
    let operation = target.split("x-id=").nth(1).unwrap_or(usual);
    let operation = operation.split('&').next().unwrap_or_default();
    Asked {
        action: format!("s3:{operation}"),
        resource: target.split('/').nth(1).unwrap_or_default().to_owned(),
        ..Asked::default()
    }
}

/// A key with tags is made and tagged.
fn of_new_key(body: &Value) -> Vec<Asked> {
    let tagged = body["Tags"].is_array().then_some("kms:TagResource");
    let asked = |action: &str| Asked {
        action: action.to_owned(),
        resource: NEW_KEY.to_owned(),
        ..Asked::default()
    };
    let actions = ["kms:CreateKey"].into_iter().chain(tagged);
    actions.map(asked).collect()
}

/// IAM decides on the alias and on the key that gets it.
fn of_new_alias(body: &Value) -> Vec<Asked> {
    let alias = body["AliasName"].as_str().unwrap_or_default();
    let asked = |resource: &str| Asked {
        action: "kms:CreateAlias".to_owned(),
        resource: resource.to_owned(),
        ..Asked::default()
    };
    vec![asked(alias), asked(NEW_KEY)]
}

/// `/2015-03-31/functions/NAME/invocations?Qualifier=VERSION`; all else that Lambda can do is noted as it is.
fn of_function(request: &Message) -> Asked {
    let target = request.first_line.split(' ').nth(1).unwrap_or_default();
    let invoked = target.split_once("/functions/").and_then(|(_, rest)| {
        let (name, qualifier) = rest.split_once("/invocations?Qualifier=")?;
        Some(format!("function:{name}:{qualifier}"))
    });
    match invoked {
        Some(resource) => Asked {
            action: "lambda:InvokeFunction".to_owned(),
            resource,
            ..Asked::default()
        },
        None => Asked {
            action: format!("lambda:{}", request.first_line),
            ..Asked::default()
        },
    }
}

fn of_named(service: &str, operation: &str, body: &Value) -> Asked {
    let parameter = NAMES.iter().find(|(named, _)| *named == service);
    let resource = parameter.and_then(|(_, parameter)| body[parameter].as_str());
    Asked {
        action: format!("{service}:{operation}"),
        resource: resource.unwrap_or_default().to_owned(),
        ..Asked::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_what_iam_would_decide_on_and_nothing_personal() {
        let check = |target: &str, body: Value, expected: &[&str]| {
            let service = match target.split('.').next().unwrap_or_default() {
                "TrentService" => "kms",
                "AmazonSQS" => "sqs",
                "secretsmanager" => "secretsmanager",
                _ => "dynamodb",
            };
            let request = request("POST / HTTP/1.1", service, Some(target), &body);
            assert_eq!(told(&asked(&request)), expected, "{target}");
        };
        let item = |pk: &str| json!({"TableName": "transient", "Key": {"pk": {"S": pk}}});
        check(
            "DynamoDB.GetItem",
            item("code#a1"),
            &["dynamodb:GetItem transient code#"],
        );
        check(
            "DynamoDB.GetItem",
            item("requests#client#A1#b"),
            &["dynamodb:GetItem transient requests#client#"],
        );
        check(
            "DynamoDB.GetItem",
            item("usage#load"),
            &["dynamodb:GetItem transient usage#load"],
        );
        // A person's id, and whatever is no kind, is not written down.
        check(
            "DynamoDB.GetItem",
            item("-20140000008325"),
            &["dynamodb:GetItem transient"],
        );
        check(
            "DynamoDB.GetItem",
            item("-2014#1"),
            &["dynamodb:GetItem transient"],
        );
        check(
            "DynamoDB.GetItem",
            item("Two Words#1"),
            &["dynamodb:GetItem transient"],
        );
        check(
            "DynamoDB.GetItem",
            item("abcdefghijklmnopq"),
            &["dynamodb:GetItem transient"],
        );
        check(
            "DynamoDB.GetItem",
            json!({"TableName": "grants", "Key": {"client_id": {"S": "A1"}, "patient": {"S": "health"}}}),
            &["dynamodb:GetItem grants health"],
        );
        check(
            "DynamoDB.GetItem",
            json!({
                "TableName": "claims", "Key": {"pk": {"S": "-1"}, "sk": {"S": "B"}},
                "ProjectionExpression": "#a, d", "ExpressionAttributeNames": {"#a": "pk"},
            }),
            &["dynamodb:GetItem claims d pk sk"],
        );
        check(
            "DynamoDB.TransactWriteItems",
            json!({"TransactItems": [
                {"Put": {"TableName": "audit", "Item": {"pk": {"S": "-1"}}}},
                {"ConditionCheck": {"TableName": "grants"}},
                {"Update": {"TableName": "transient", "Key": {"pk": {"S": "code#a1"}}}},
            ]}),
            &[
                "dynamodb:PutItem audit",
                "dynamodb:ConditionCheckItem grants",
                "dynamodb:UpdateItem transient code#",
            ],
        );
        check(
            "DynamoDB.BatchExecuteStatement",
            json!({"Statements": [{"Statement": "INSERT INTO \"claims\" VALUE {'pk': ?}"}]}),
            &["dynamodb:PartiQLInsert claims"],
        );
        check(
            "DynamoDB.BatchWriteItem",
            json!({"RequestItems": {"claims": [{"PutRequest": {}}]}}),
            &["dynamodb:BatchWriteItem claims"],
        );
        check(
            "TrentService.Sign",
            json!({"KeyId": "a-key", "Message": "x"}),
            &["kms:Sign a-key"],
        );
        check(
            "TrentService.CreateKey",
            json!({"KeySpec": "ECC_NIST_P256"}),
            &["kms:CreateKey a new key"],
        );
        check(
            "TrentService.CreateKey",
            json!({"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            &["kms:CreateKey a new key", "kms:TagResource a new key"],
        );
        check(
            "TrentService.CreateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": "a-key"}),
            &["kms:CreateAlias alias/a", "kms:CreateAlias a new key"],
        );
        check(
            "secretsmanager.GetSecretValue",
            json!({"SecretId": "a-secret"}),
            &["secretsmanager:GetSecretValue a-secret"],
        );
        check(
            "AmazonSQS.SendMessage",
            json!({"QueueUrl": "a-queue"}),
            &["sqs:SendMessage a-queue"],
        );
    }

    #[test]
    fn notes_the_bucket_of_an_object_and_what_it_does_not_know() {
        let check = |line: &str, service: &str, expected: &str| {
            let request = request(line, service, None, &Value::Null);
            assert_eq!(told(&asked(&request)), [expected]);
        };
        check(
            "GET /bucket/a/file.csv?x-id=GetObject HTTP/1.1",
            "s3",
            "s3:GetObject bucket",
        );
        check(
            "GET /bucket/a/file.csv HTTP/1.1",
            "s3",
            "s3:GetObject bucket",
        );
        check("PUT /bucket/a/file.csv HTTP/1.1", "s3", "s3:unknown bucket");
        check("GET /bucket HTTP/1.1", "s3", "s3:unknown bucket");
        check("GET /bucket/?versions HTTP/1.1", "s3", "s3:unknown bucket");
        check(
            "GET /bucket/file.csv?acl HTTP/1.1",
            "s3",
            "s3:unknown bucket",
        );
        check(
            "GET /things HTTP/1.1",
            "lambda",
            "lambda:GET /things HTTP/1.1 ",
        );
        check(
            "POST /2015-03-31/functions/stack-eob/invocations?Qualifier=7 HTTP/1.1",
            "lambda",
            "lambda:InvokeFunction function:stack-eob:7",
        );
        check(
            "POST /2015-03-31/functions/stack-eob/invocations HTTP/1.1",
            "lambda",
            "lambda:POST /2015-03-31/functions/stack-eob/invocations HTTP/1.1 ",
        );
    }

    #[test]
    fn notes_the_group_that_a_deployment_belongs_to() {
        let (operation, body) = (
            "CodeDeploy_20141006.GetDeployment",
            json!({"deploymentId": "d-1"}),
        );
        let request = request("POST / HTTP/1.1", "codedeploy", Some(operation), &body);
        let [told] = &told(&asked(&request))[..] else {
            panic!("one call");
        };
        assert!(
            told.starts_with("codedeploy:GetDeployment deploymentgroup:bluebutton-sandbox-"),
            "{told}"
        );
    }

    #[test]
    fn knows_the_program_by_the_name_in_its_user_agent() {
        let check = |agent: &str, expected: &str| {
            let mut request = request("POST / HTTP/1.1", "kms", None, &Value::Null);
            request
                .headers
                .push(("User-Agent".to_owned(), agent.to_owned()));
            assert_eq!(program(&request), expected);
        };
        check("aws-sdk-rust/1 api/kms/1 os/linux app/token", "token");
        check("aws-sdk-rust/1 api/kms/1", "a program without a name");
        check("", "a program without a name");
    }

    fn request(line: &str, service: &str, target: Option<&str>, body: &Value) -> Message {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential=key/20260101/region/{service}/aws4_request");
        let target = target.map(|target| ("X-Amz-Target".to_owned(), target.to_owned()));
        Message {
            first_line: line.to_owned(),
            headers: [("Authorization".to_owned(), scope)]
                .into_iter()
                .chain(target)
                .collect(),
            body: body.to_string().into_bytes(),
        }
    }

    fn told(asked: &[Asked]) -> Vec<String> {
        let told = |asked: &Asked| {
            let leading = asked.leading.iter().cloned();
            let attributes = asked.attributes.iter().flatten().cloned();
            let words = [asked.action.clone(), asked.resource.clone()].into_iter();
            words
                .chain(leading)
                .chain(attributes)
                .collect::<Vec<_>>()
                .join(" ")
        };
        asked.iter().map(told).collect()
    }
}
