"""What the deployment check asks of a local AWS that neither SAM nor bluebutton-admin asks: run by the Python that
MiniStack brings boto3 into, as `deployment.py COMMAND ARGUMENT...`; answers are JSON on standard output."""

import base64
import json
import sys
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import boto3
from botocore import UNSIGNED
from botocore.config import Config

REGION = "us-east-1"
# How often 20 seconds, the longest that SQS waits, are waited for a message.
RECEIVES_MAX = 15
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def client(service):
    return boto3.client(service, REGION)


def resources(stack):
    """The resources of a stack and of the stacks inside it."""
    found = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    for resource in found:
        yield resource
        if resource["ResourceType"] == "AWS::CloudFormation::Stack":
            yield from resources(resource["PhysicalResourceId"])


def names(stack):
    """The outputs of a stack and of the stacks inside it: what resources are called in the templates."""
    cloudformation = client("cloudformation")
    inside = [r["PhysicalResourceId"] for r in resources(stack) if r["ResourceType"] == "AWS::CloudFormation::Stack"]
    outputs = {}
    for name in [stack, *inside]:
        for output in cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", []):
            outputs[output["OutputKey"]] = output["OutputValue"]
    return outputs


def granted(stack):
    """The statements of each function's role, as they were deployed."""
    iam, functions = client("iam"), client("lambda")
    policies = {}
    for resource in resources(stack):
        if resource["ResourceType"] != "AWS::Lambda::Function":
            continue
        configuration = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
        role = configuration["Role"].rsplit("/", 1)[1]
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
            documents.append(found["PolicyVersion"]["Document"])
        function = resource["LogicalResourceId"].removesuffix("Function").lower()
        policies[function] = [statement for document in documents for statement in document["Statement"]]
    return policies


def settings(stack):
    """What an update changes: the limits in the functions' environment, and how long logs are kept."""
    functions, logs = client("lambda"), client("logs")
    found = {"limits": [], "retention": []}
    for resource in resources(stack):
        name, kind = resource["PhysicalResourceId"], resource["ResourceType"]
        if kind == "AWS::Lambda::Function":
            environment = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            found["limits"].append(environment.get("LIMITS"))
        if kind == "AWS::Logs::LogGroup":
            groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            found["retention"] += [group.get("retentionInDays") for group in groups if group["logGroupName"] == name]
    return found


def upload(file, bucket, key):
    client("s3").upload_file(file, bucket, key)


def live(stack):
    """The version that each function's alias points to, and the checksum of its code."""
    functions, found = client("lambda"), {}
    for resource in resources(stack):
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["PhysicalResourceId"]
            version = functions.get_function_configuration(FunctionName=name, Qualifier="live")
            found[name] = {"version": version["Version"], "code": version["CodeSha256"]}
    return found


def give_up(stack, file, bucket, key):
    """Puts a file that cannot be loaded into the bucket: S3 calls the alias `live`, which fails until it is given up. What
    AWS then does says the alias; the local AWS asks the function without an alias only. So that gets the alias's settings,
    and the alias points to it for as long."""
    functions, name = client("lambda"), f"{stack}-ingest"
    asked = functions.get_function_event_invoke_config(FunctionName=name, Qualifier="live")
    known = {name: asked[name] for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")}
    functions.put_function_event_invoke_config(FunctionName=name, **known)
    version = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    upload(file, bucket, key)
    messages = dead_letters(stack)
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    functions.delete_function_event_invoke_config(FunctionName=name)
    return {"messages": messages, "attempts": attempts(stack)}


def attempts(stack):
    """How many calls of the ingest function have failed, by its log. What a call logs last the local AWS may read only
    with the next call, which is one that has nothing to do."""
    client("lambda").invoke(FunctionName=f"{stack}-ingest", Payload=json.dumps({"Records": []}))
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/bluebutton/{stack}/ingest")
    return len(logged("error_code", (event["message"] for page in pages for event in page["events"])))


def logged(field, lines):
    """What the lines of a function's log say under that name."""
    read = (json.loads(line) for line in lines if line.startswith("{"))
    return [line[field] for line in read if line.get(field)]


def dead_letters(stack):
    """The messages about what the ingest function gave up, as soon as there is one."""
    sqs = client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{stack}-dead-letters")["QueueUrl"]
    for _ in range(RECEIVES_MAX):
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        if answer.get("Messages"):
            return [message["Body"] for message in answer["Messages"]]
    return []


def time(days_ago=0):
    return f"{datetime.now(timezone.utc) - timedelta(days=days_ago):%Y-%m-%dT%H:%M:%SZ}"


def invoke(function):
    """Calls a function as its schedule does."""
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps({**SCHEDULED, "time": time()}))
    return {"error": answer.get("FunctionError"), "answer": answer["Payload"].read().decode()}


def signing_keys(secret):
    """The keys that the configuration names."""
    return json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])["signing_keys"]


def age_signing_keys(secret, days):
    """Makes the configuration say that its keys are that many days old."""
    secrets = client("secretsmanager")
    configuration = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    configuration["signing_keys"] |= {name: time(int(days)) for name in ("current_since", "next_since")}
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(configuration))


def check(stack, event, account, codedeploy):
    """Calls the check of new versions as CodeDeploy does for a deployment of its own, when that account is to sign in, and
    gives what was told to the CodeDeploy at that URL."""
    client("secretsmanager").put_secret_value(SecretId=names(stack)["AccountSecret"], SecretString=account)
    with open(event, encoding="utf-8") as file:
        event = json.load(file) | {"DeploymentId": f"d-{uuid4()}"}
    name = f"CodeDeployHook_{stack}-check"
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode(errors="replace").splitlines()
    # Unsigned, so that it is no call of a function's.
    deployments = boto3.client("codedeploy", REGION, endpoint_url=codedeploy, config=Config(signature_version=UNSIGNED))
    target = deployments.get_deployment_target(deploymentId=event["DeploymentId"], targetId=f"{stack}:token")
    told = [event["status"] for event in target["deploymentTarget"]["lambdaTarget"]["lifecycleEvents"]]
    return {"error": answer.get("FunctionError"), "told": told, "causes": logged("cause", lines)}


def delete(stack):
    """As `sam delete` does, which itself takes no URL of a local bucket for one."""
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def left():
    """Everything that is there, by kind. SAM's own bucket of packages is in a stack of its own."""
    def all_of(service, operation, items):
        for page in client(service).get_paginator(operation).paginate():
            yield from page.get(items, [])

    aliases = {alias.get("TargetKeyId"): alias["AliasName"] for alias in all_of("kms", "list_aliases", "Aliases")}
    keys = [aliases.get(key["KeyId"], key["KeyId"]) for key in all_of("kms", "list_keys", "Keys")]
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return {
        "stacks": [stack["StackName"] for stack in stacks if not stack["StackStatus"].startswith("DELETE_COMPLETE")],
        "functions": [function["FunctionName"] for function in all_of("lambda", "list_functions", "Functions")],
        "roles": [role["RoleName"] for role in all_of("iam", "list_roles", "Roles")],
        "apis": [api["name"] for api in client("apigateway").get_rest_apis()["items"]],
        "log groups": [group["logGroupName"] for group in all_of("logs", "describe_log_groups", "logGroups")],
        "tables": list(all_of("dynamodb", "list_tables", "TableNames")),
        "secrets": [secret["Name"] for secret in all_of("secretsmanager", "list_secrets", "SecretList")],
        # By their aliases, but for AWS's own.
        "keys": [key for key in keys if not key.startswith("alias/aws/")],
        "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "topics": [topic["TopicArn"] for topic in all_of("sns", "list_topics", "Topics")],
        "alarms": [alarm["AlarmName"] for alarm in all_of("cloudwatch", "describe_alarms", "MetricAlarms")],
    }


COMMANDS = [
    names, granted, settings, live, upload, invoke, signing_keys, age_signing_keys, give_up, check, delete, left
]

if __name__ == "__main__":
    command = {command.__name__: command for command in COMMANDS}[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:]), indent=1, sort_keys=True))
