# Connects Microsoft Entra ID: creates the application, sets Tenant URL and Secret
# Token, maps objectId to externalId, and starts provisioning.
#
# NOT TRIED ON A REAL TENANT BY ITS AUTHORS. Read it before you run it. Whatever it does,
# the setup page explains how to do in the portal.
#
# It needs PowerShell 7, the module Microsoft.Graph.Authentication, and the role
# Application Administrator. It asks for the Secret Token, which the setup page shows.
#Requires -Version 7.0
#Requires -Modules Microsoft.Graph.Authentication
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$application = [[.Application]]
$tenantUrl = [[.TenantURL]]
$template = [[.Template]]
$source = [[.Source]]
$target = [[.Target]]
$graph = 'https://graph.microsoft.com/v1.0'

$secure = Read-Host -Prompt 'Secret Token' -AsSecureString
$token = [System.Net.NetworkCredential]::new('', $secure).Password

Connect-MgGraph -NoWelcome -Scopes 'Application.ReadWrite.All', 'Synchronization.ReadWrite.All'

Write-Output "Creating the application $application"
$created = Invoke-MgGraphRequest -Method POST -Uri "$graph/applicationTemplates/$template/instantiate" `
    -Body (@{ displayName = $application } | ConvertTo-Json)
$servicePrincipal = $created['servicePrincipal']['id']
$base = "$graph/servicePrincipals/$servicePrincipal/synchronization"

# Entra needs a moment until the application can be used everywhere.
$job = $null
for ($attempt = 1; -not $job; $attempt++) {
    try {
        $job = Invoke-MgGraphRequest -Method POST -Uri "$base/jobs" -Body (@{ templateId = 'scim' } | ConvertTo-Json)
    } catch {
        if ($attempt -ge 12) { throw }
        Start-Sleep -Seconds 10
    }
}
$jobId = $job['id']

Write-Output 'Testing the connection'
$credentials = @(@{ key = 'BaseAddress'; value = $tenantUrl }, @{ key = 'SecretToken'; value = $token })
Invoke-MgGraphRequest -Method POST -Uri "$base/jobs/$jobId/validateCredentials" -Body (@{ credentials = $credentials } | ConvertTo-Json -Depth 5)
Invoke-MgGraphRequest -Method PUT -Uri "$base/secrets" -Body (@{ value = $credentials } | ConvertTo-Json -Depth 5)

Write-Output "Mapping $source to $target"
$schema = Invoke-MgGraphRequest -Method GET -Uri "$base/jobs/$jobId/schema" -OutputType PSObject
foreach ($rule in $schema.synchronizationRules) {
    foreach ($object in $rule.objectMappings | Where-Object sourceObjectName -EQ 'User') {
        foreach ($mapping in $object.attributeMappings | Where-Object targetAttributeName -EQ $target) {
            $mapping.source = @{ expression = "[$source]"; name = $source; type = 'Attribute'; parameters = @() }
        }
    }
}
Invoke-MgGraphRequest -Method PUT -Uri "$base/jobs/$jobId/schema" -Body ($schema | ConvertTo-Json -Depth 50) -ContentType 'application/json'

Write-Output 'Starting provisioning'
Invoke-MgGraphRequest -Method POST -Uri "$base/jobs/$jobId/start"
Write-Output 'Done. Now assign users and groups to the application in the portal.'
