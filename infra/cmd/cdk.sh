#!/bin/sh
# cdk.sh ARGUMENT...: runs the CDK, which can ask something.
. infra/cmd/quiet.sh
# Silence the banner of the CDK's runtime about the end of life of Node.js 20.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20
echo "cdk $*" >&2
npx --no-install cdk "$@" || fail $?
