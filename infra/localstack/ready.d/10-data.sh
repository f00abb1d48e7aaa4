#!/usr/bin/env bash
# LocalStack runs this inside its container once it takes requests: it makes the tables, keys and secrets from the
# template that ops deploy, under the name that `cargo xtask sandbox` looks for. Run again, it leaves what is there.
set -euo pipefail

stack=${BLUEBUTTON_STACK:-bluebutton-sandbox}
template=${BLUEBUTTON_TEMPLATE:-/opt/bluebutton/data.yaml}

if awslocal cloudformation describe-stacks --stack-name "$stack" >/dev/null 2>&1; then
    echo "bluebutton: the stack $stack is there already"
    exit 0
fi
# The tag tells a stack of this hook from one that the sandbox made itself.
awslocal cloudformation create-stack --stack-name "$stack" \
    --template-body "file://$template" \
    --parameters ParameterKey=Stage,ParameterValue=sandbox \
    --tags Key=made-by,Value=localstack-hook >/dev/null
awslocal cloudformation wait stack-create-complete --stack-name "$stack"
echo "bluebutton: the stack $stack is made"
