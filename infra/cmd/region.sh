#!/bin/sh
# Checks that a Region is chosen: the CDK would take us-east-1 without a word.
[ -n "$AWS_REGION$AWS_DEFAULT_REGION" ] && exit 0
[ -n "$(aws configure get region 2>/dev/null)" ] && exit 0
echo "dsync: no Region is chosen: set AWS_REGION, for example AWS_REGION=eu-central-1, or the Region of the profile" >&2
exit 1
