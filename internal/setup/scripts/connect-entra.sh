#!/usr/bin/env bash
# Connects Microsoft Entra ID: creates the application, sets Tenant URL and Secret
# Token, maps objectId to externalId, and starts provisioning.
#
# NOT TRIED ON A REAL TENANT BY ITS AUTHORS. Read it before you run it. Whatever it does,
# the setup page explains how to do in the portal.
#
# It needs the Azure CLI (az), jq, and the role Application Administrator. It asks for
# the Secret Token, which the setup page shows.
set -euo pipefail

application=[[.Application]]
tenant_url=[[.TenantURL]]
template=[[.Template]]
source=[[.Source]]
target=[[.Target]]
graph='https://graph.microsoft.com/v1.0'

command -v az >/dev/null || { echo 'az is not installed: https://aka.ms/azure-cli' >&2; exit 1; }
command -v jq >/dev/null || { echo 'jq is not installed' >&2; exit 1; }
az account show --output none 2>/dev/null || az login --allow-no-subscriptions --output none

read -r -s -p 'Secret Token: ' token
echo

# Bodies of requests are files of this user alone, not arguments, which others see.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# call METHOD PATH [FILE]
call() {
    local arguments=(--method "$1" --url "$graph/$2")
    if [ $# -gt 2 ]; then
        arguments+=(--headers 'Content-Type=application/json' --body "@$3")
    fi
    az rest "${arguments[@]}"
}

echo "Creating the application $application"
jq -n --arg name "$application" '{displayName: $name}' >"$work/application.json"
principal=$(call post "applicationTemplates/$template/instantiate" "$work/application.json" | jq -r '.servicePrincipal.id')
base="servicePrincipals/$principal/synchronization"

# Entra needs a moment until the application can be used everywhere.
echo '{"templateId":"scim"}' >"$work/job.json"
attempt=1
until job=$(call post "$base/jobs" "$work/job.json" 2>"$work/error" | jq -er '.id'); do
    if [ "$attempt" -ge 12 ]; then
        cat "$work/error" >&2
        exit 1
    fi
    attempt=$((attempt + 1))
    sleep 10
done

echo 'Testing the connection'
printf '%s' "$token" | jq -Rs --arg url "$tenant_url" '[{key: "BaseAddress", value: $url}, {key: "SecretToken", value: .}]' >"$work/credentials.json"
jq '{credentials: .}' "$work/credentials.json" >"$work/validate.json"
jq '{value: .}' "$work/credentials.json" >"$work/secrets.json"
call post "$base/jobs/$job/validateCredentials" "$work/validate.json"
call put "$base/secrets" "$work/secrets.json"

echo "Mapping $source to $target"
call get "$base/jobs/$job/schema" |
    jq --arg source "$source" --arg target "$target" '
        (.synchronizationRules[].objectMappings[] | select(.sourceObjectName == "User").attributeMappings[] | select(.targetAttributeName == $target).source)
        = {expression: "[\($source)]", name: $source, type: "Attribute", parameters: []}' >"$work/schema.json"
call put "$base/jobs/$job/schema" "$work/schema.json"

echo 'Starting provisioning'
call post "$base/jobs/$job/start"
echo 'Done. Now assign users and groups to the application in the portal.'
