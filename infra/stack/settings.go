package stack

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/management"
	"dsync/internal/sso"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// dev is the default stage. Every other stage is for production, unless the setting
// production says otherwise.
const dev = "dev"

// settings are the settings of an operator, from the CDK context and the file of the
// stage.
type settings struct {
	stage               string
	production          bool
	account, region     string // that the stage may be deployed to; "": any
	retain              bool   // resources with data are retained when the stack is deleted
	protectStack        bool   // from deletion
	tags                map[string]string
	boundary            string // ARN of a managed policy, the permissions boundary of all roles
	key                 string // ARN of a KMS key, for data at rest; "": keys of AWS
	dualStack           bool   // the API also answers over IPv6
	logRetention        awslogs.RetentionDays
	reservedConcurrency int // of each function with routes; 0: not reserved
	streamConcurrency   int // of each function that reads the stream; 0: not reserved
	tracing             bool
	recoveryDays        int
	archiveDays         int // 0: no archive
	eraseAfterDays      int
	exampleRule         bool // the rules that write events to a log group
	schemaRegistry      bool
	busAccounts         []string
	busOrganization     string
	alarmTopic          string
	alarmEmail          string
	domainName          string
	certificate         string
	disableEndpoint     bool // API Gateway's own endpoint
	publicURL           string
	originSecretHashes  string       // of the secrets that a CDN in front sends; "": none
	signOn              sso.Settings // of the console; zero: none
	tableStream         string       // of an existing table; "": the stack creates the table
}

// setting describes one setting.
type setting struct {
	key         string
	defaultText string // the default, for docs/deploy.md
	description string
	read        func(s *settings, value string) error
}

const (
	// recoveryDaysMost is the limit of DynamoDB.
	recoveryDaysMost = 35
	// eraseAfterDaysMost is how long the log keeps an event anyway.
	eraseAfterDaysMost = 90
	// archiveDaysMost is ten years. A larger value is probably a typing error.
	archiveDaysMost = 3650
	// reservedMost is the default quota of an account.
	reservedMost = 1000
	// streamLeast is what two shards use: a table has more than one under load.
	streamLeast = 8
)

// allSettings lists the settings, in the order of docs/deploy.md.
var allSettings = []setting{
	{"stage", "`dev`", "name of the deployment, such as `staging`: each stage is a stack of its own, `dsync-<stage>`", func(s *settings, v string) error {
		s.stage = v
		return match(v, stageName, "the name of a stage: choose 1 to 20 lower-case letters, digits and hyphens, such as STAGE=staging")
	}},
	{"production", "`off` for dev, else `on`", "`on` retains data, protects the stack and requires a receiver of alarms; it decides the defaults of `removal`, `terminationProtection` and `exampleRule`", func(s *settings, v string) (err error) {
		s.production, err = onOrOff(v)
		return err
	}},
	{"account", "any", "AWS account of the stage: a deployment with credentials of another account stops", func(s *settings, v string) error {
		s.account = v
		return match(v, accountID, "the 12-digit id of an AWS account")
	}},
	{"region", "that of the credentials", "AWS Region of the stage: a deployment to another Region stops", func(s *settings, v string) error {
		s.region = v
		return match(v, regionName, "the name of a Region, such as us-east-1")
	}},
	{"terminationProtection", "as `production`", "`on` refuses to delete the stack until it is `off`", func(s *settings, v string) (err error) {
		s.protectStack, err = onOrOff(v)
		return err
	}},
	{"tags", "none", "comma-separated tags of the stack and its resources, such as `team=identity,cost-center=1234`; `dsync:stage` is always set", func(s *settings, v string) (err error) {
		s.tags, err = readTags(v)
		return err
	}},
	{"permissionsBoundary", "none", "ARN of a managed policy that limits every role of the stack", func(s *settings, v string) error {
		s.boundary = v
		return match(v, policyARN, "the ARN of a managed policy, arn:aws:iam::<account>:policy/<name>")
	}},
	{"kmsKeyArn", "keys of AWS", "ARN of a KMS key that encrypts the table, queues, failure bucket and logs; [its policy](#a-key-of-your-own) must allow this", func(s *settings, v string) error {
		s.key = v
		return match(v, keyARN, "the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>")
	}},
	{"dualStack", "`off`", "`on` makes the API reachable over IPv6, too", func(s *settings, v string) (err error) {
		s.dualStack, err = onOrOff(v)
		return err
	}},
	{"removal", "`retain` with `production`, else `destroy`", "what happens to the table, failure bucket, queues and logs when the stack is deleted; `retain` also turns on deletion protection of the table", func(s *settings, v string) error {
		if s.retain = v == "retain"; !s.retain && v != "destroy" {
			return fmt.Errorf("is not known: choose -c removal=retain or -c removal=destroy")
		}
		return nil
	}},
	{"logRetentionDays", "30", "how long logs are retained", func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		retention, known := logRetentions[n]
		if err != nil || !known {
			return fmt.Errorf("is not a log retention of CloudWatch, in days: choose %s", enumerate(slices.Sorted(maps.Keys(logRetentions))))
		}
		s.logRetention = retention
		return nil
	}},
	{"pointInTimeRecoveryDays", "35", "how far back the table can be restored, 1 to 35 days", func(s *settings, v string) (err error) {
		s.recoveryDays, err = intBetween(v, 1, recoveryDaysMost, "days of point-in-time recovery")
		return err
	}},
	{"reservedConcurrency", "none", "concurrency reserved for, and capped at, this value for each function that serves HTTP", func(s *settings, v string) (err error) {
		s.reservedConcurrency, err = intBetween(v, 1, reservedMost, "concurrent executions (0 would stop all requests: leave the setting out to reserve none)")
		return err
	}},
	{"streamConcurrency", "none", "concurrency reserved for, and capped at, this value for each function that reads the stream, so that no load of requests stops events and jobs; a shard of the stream uses 4", func(s *settings, v string) (err error) {
		s.streamConcurrency, err = intBetween(v, streamLeast, reservedMost, "concurrent executions, of which a shard uses 4")
		return err
	}},
	{"tracing", "`off`", "`on` traces the functions with X-Ray", func(s *settings, v string) (err error) {
		s.tracing, err = onOrOff(v)
		return err
	}},
	{"alarmTopic", "none", "ARN of an SNS topic that alarms are sent to", func(s *settings, v string) error {
		s.alarmTopic = v
		return match(v, topicARN, "the ARN of an SNS topic, arn:aws:sns:<region>:<account>:<name>")
	}},
	{"alarmEmail", "none", "email address that alarms are sent to, through a topic that the stack creates", func(s *settings, v string) error {
		s.alarmEmail = v
		return match(v, address, "an e-mail address")
	}},
	{"domainName", "none", "domain of the Tenant URL; requires `certificateArn`", func(s *settings, v string) error {
		s.domainName = v
		return match(v, domain, "a domain name in lower case, such as scim.example.com")
	}},
	{"certificateArn", "none", "ARN of the domain's ACM certificate, in the Region of the stack", func(s *settings, v string) error {
		s.certificate = v
		return match(v, certificateARN, "the ARN of an ACM certificate, arn:aws:acm:<region>:<account>:certificate/<id>")
	}},
	{"publicUrl", "the domain, if there is one", "scheme and host of the Tenant URL and of all other absolute URLs, where a CDN is in front of the API", func(s *settings, v string) error {
		s.publicURL = v
		host, https := strings.CutPrefix(v, "https://")
		if !https {
			host = ""
		}
		return match(host, domain, "https:// and a domain name in lower case, such as https://scim.example.com")
	}},
	{"originSecretHash", "none", "SHA-256 of the origin secret, in hexadecimal digits: requests without the secret in the header `X-Origin-Secret` get 403; two hashes, separated by a comma, while the secret is replaced; requires `publicUrl`", func(s *settings, v string) error {
		s.originSecretHashes = v
		return match(v, secretHashes, "the SHA-256 of a secret in lower-case hexadecimal digits, or two of them separated by a comma")
	}},
	{"disableExecuteApiEndpoint", "`on` with `domainName`, else `off`", "`on` closes API Gateway's own endpoint, so that the domain is the only way in", func(s *settings, v string) (err error) {
		s.disableEndpoint, err = onOrOff(v)
		return err
	}},
	{"oidcIssuer", "none", "issuer of the identity provider at which people sign in to the console, `https://…`; requires `oidcClientId` and `oidcClientSecretArn`; see [console.md](console.md#single-sign-on)", func(s *settings, v string) error {
		s.signOn.Issuer = v
		if err := sso.CheckIssuer(v); err != nil || !strings.HasPrefix(v, "https://") {
			return errors.New("is not the issuer of an identity provider, such as https://login.microsoftonline.com/<tenant>/v2.0")
		}
		return nil
	}},
	{"oidcClientId", "none", "client ID of the console at the identity provider", func(s *settings, v string) error {
		s.signOn.ClientID = v
		return match(v, clientID, "a client ID")
	}},
	{"oidcClientSecretArn", "none", "ARN of the secret in Secrets Manager, in the Region of the stack, whose text is the client secret", func(s *settings, v string) error {
		s.signOn.ClientSecretARN = v
		return match(v, secretARN, "the ARN of a secret, arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>")
	}},
	{"oidcRoleClaim", "`roles`", "claim of the ID token with the roles or groups of a person", func(s *settings, v string) error {
		s.signOn.RoleClaim = v
		return match(v, claimName, "the name of a claim")
	}},
	{"oidcRoles", "`admin=admin,operator=operator,viewer=viewer`", "which value of the claim gives which role, `<role>=<value>`, comma-separated; a role may come several times", func(s *settings, v string) error {
		s.signOn.Roles = v
		if _, err := sso.ParseRoles(v, management.Roles); err != nil || v == "" {
			return fmt.Errorf("does not give roles to values: choose <role>=<value> with %s, separated by commas", enumerate(management.Roles))
		}
		return nil
	}},
	{"busPolicyAccounts", "none", "comma-separated AWS accounts that can create their own rules on the bus", func(s *settings, v string) error {
		s.busAccounts = strings.Split(v, ",")
		for i, account := range s.busAccounts {
			s.busAccounts[i] = strings.TrimSpace(account)
			if err := match(s.busAccounts[i], accountID, "comma-separated 12-digit AWS account IDs"); err != nil {
				return err
			}
		}
		slices.Sort(s.busAccounts)
		s.busAccounts = slices.Compact(s.busAccounts)
		return nil
	}},
	{"busPolicyOrganization", "none", "AWS organization whose accounts can create their own rules on the bus", func(s *settings, v string) error {
		s.busOrganization = v
		return match(v, organizationID, "the id of an AWS organization, o-…")
	}},
	{"eraseAfterDays", "30", "how many days after the deletion of a directory its log and the records of its requests are erased, 0 to 90", func(s *settings, v string) (err error) {
		s.eraseAfterDays, err = intBetween(v, 0, eraseAfterDaysMost, "days until erasure (an event stays in the log for 90 days at most)")
		return err
	}},
	{"exampleRule", "`off` with `production`, else `on`", "`on` adds the rule `every-event`, which writes each event, with the personal data in it, to CloudWatch Logs", func(s *settings, v string) (err error) {
		s.exampleRule, err = onOrOff(v)
		return err
	}},
	{"archiveDays", "0", "how many days an EventBridge archive retains published events for replay; 0 creates no archive", func(s *settings, v string) (err error) {
		s.archiveDays, err = intBetween(v, 0, archiveDaysMost, "days for an archive (0 makes none)")
		return err
	}},
	{"schemaRegistry", "`on`", "`off` leaves out the EventBridge schema registry", func(s *settings, v string) (err error) {
		s.schemaRegistry, err = onOrOff(v)
		return err
	}},
	{"tableStreamArn", "none", "ARN of the stream of an existing table, to use after a restore instead of the stack's own table, which stays in the stack", func(s *settings, v string) error {
		s.tableStream = v
		return match(v, streamARN, "the ARN of a table's stream, arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<time>")
	}},
}

// The syntax that AWS requires of values.
var (
	topicARN       = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$`)
	certificateARN = regexp.MustCompile(`^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$`)
	streamARN      = regexp.MustCompile(`^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}/stream/[0-9T:.-]+$`)
	address        = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	domain         = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	secretHashes   = regexp.MustCompile(`^[0-9a-f]{64}(,[0-9a-f]{64})?$`)
	stageName      = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)
	regionName     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	policyARN      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:policy/[A-Za-z0-9+=,.@_/-]{1,512}$`)
	keyARN         = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$`)
	clientID       = regexp.MustCompile(`^[\x21-\x7e]{1,256}$`)
	claimName      = regexp.MustCompile(`^[\x21-\x7e]{1,256}$`)
	secretARN      = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$`)
	accountID      = regexp.MustCompile(`^\d{12}$`)
	organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
)

// environment is where a stack goes; "" where that is not known.
type environment struct{ account, region string }

// readSettings reads the settings from the context of an app. Keys with a colon or
// an @ belong to the CDK.
func readSettings(context map[string]any, of environment) (settings, error) {
	s := settings{
		stage:          dev,
		logRetention:   awslogs.RetentionDays_ONE_MONTH,
		recoveryDays:   recoveryDaysMost,
		eraseAfterDays: 30,
		schemaRegistry: true,
	}
	if err := rejectUnknown(context); err != nil {
		return settings{}, err
	}
	// Other defaults depend on these two.
	if err := s.readSetting(context, "stage"); err != nil {
		return settings{}, err
	}
	s.production = s.stage != dev
	if err := s.readSetting(context, "production"); err != nil {
		return settings{}, err
	}
	s.retain, s.protectStack, s.exampleRule = s.production, s.production, !s.production
	for _, setting := range allSettings {
		if err := s.readSetting(context, setting.key); err != nil {
			return settings{}, err
		}
	}
	if context["disableExecuteApiEndpoint"] == nil {
		s.disableEndpoint = s.domainName != ""
	}
	return s, s.validate(of)
}

// readSetting reads one setting, if it is set.
func (s *settings) readSetting(context map[string]any, key string) error {
	value := context[key]
	if value == nil {
		return nil
	}
	text, err := contextText(value)
	if err == nil {
		i := slices.IndexFunc(allSettings, func(setting setting) bool { return setting.key == key })
		err = allSettings[i].read(s, text)
	}
	if err != nil {
		return fmt.Errorf("%s %q %w", key, text, err)
	}
	return nil
}

// validate fails for settings that exclude or require each other.
func (s settings) validate(of environment) error {
	switch {
	case s.account != "" && of.account != "" && s.account != of.account:
		return fmt.Errorf("stage %s belongs to the account %s, but the credentials are those of %s: choose others, for example with AWS_PROFILE", s.stage, s.account, of.account)
	case s.region != "" && of.region != "" && s.region != of.region:
		return fmt.Errorf("stage %s belongs to %s, but the stack goes to %s: set AWS_REGION=%s", s.stage, s.region, of.region, s.region)
	case s.production && s.alarmTopic == "" && s.alarmEmail == "":
		return fmt.Errorf("alarms of the stage %s would notify nobody: set alarmEmail or alarmTopic in infra/settings/%s.json, or production to off", s.stage, s.stage)
	case s.domainName != "" && s.certificate == "":
		return fmt.Errorf("domainName %q has no certificate: add -c certificateArn=<ARN of its ACM certificate>", s.domainName)
	case s.domainName == "" && s.certificate != "":
		return fmt.Errorf("certificateArn is set, but no domain: add -c domainName=<the domain it is for>")
	case s.disableEndpoint && s.domainName == "":
		return fmt.Errorf("disableExecuteApiEndpoint is on, but there is no other way in: add -c domainName=<a domain of its own>")
	case s.originSecretHashes != "" && s.publicURL == "":
		return fmt.Errorf("originSecretHash is set, but not where requests come through: add -c publicUrl=https://<the domain of the CDN>")
	case s.signOn != sso.Settings{} && (s.signOn.Issuer == "" || s.signOn.ClientID == "" || s.signOn.ClientSecretARN == ""):
		return fmt.Errorf("single sign-on is not complete: set oidcIssuer, oidcClientId and oidcClientSecretArn")
	case s.alarmTopic != "" && s.alarmEmail != "":
		return fmt.Errorf("alarmTopic and alarmEmail are both set: choose one, alarms go to one topic")
	}
	for _, named := range []struct{ key, arn string }{{"certificateArn", s.certificate}, {"alarmTopic", s.alarmTopic}, {"tableStreamArn", s.tableStream}, {"kmsKeyArn", s.key}, {"oidcClientSecretArn", s.signOn.ClientSecretARN}} {
		region := cmp.Or(of.region, s.region)
		if parts := strings.Split(named.arn, ":"); region != "" && len(parts) > 3 && parts[3] != region {
			return fmt.Errorf("%s is in %s, but the stack goes to %s: name one that is in the same region", named.key, parts[3], region)
		}
	}
	return nil
}

// removal returns the removal policy of resources with data that exists nowhere
// else.
func (s settings) removal() awscdk.RemovalPolicy {
	if s.retain {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// origin returns the scheme and host of absolute URLs, or "" for the endpoint of
// API Gateway.
func (s settings) origin() string {
	switch {
	case s.publicURL != "":
		return s.publicURL
	case s.domainName != "":
		return "https://" + s.domainName
	}
	return ""
}

// ipAddressType returns the setting dualStack as API Gateway writes it, or nil for
// its default.
func (s settings) ipAddressType() *string {
	if !s.dualStack {
		return nil
	}
	return jsii.String("dualstack")
}
