package main

// Prices of AWS in us-east-1, in US dollars, as AWS publishes them on the
// pricing page of each service (read in 2026; check them before you rely on
// them). No free tier and no discount is taken off.
const (
	million = 1e6
	gb      = 1e9

	// aws.amazon.com/api-gateway/pricing: HTTP APIs, the first 300 million a
	// month, in steps of 512 KB.
	httpRequest = 1.00 / million

	// aws.amazon.com/lambda/pricing: arm64, the first 7.5 billion GB-seconds.
	lambdaRequest  = 0.20 / million
	lambdaGBSecond = 0.0000133334

	// aws.amazon.com/dynamodb/pricing/on-demand: standard class. Lambda reads
	// streams, and TTL deletes, for nothing.
	writeUnit       = 0.625 / million
	readUnit        = 0.125 / million
	tableGBMonth    = 0.25
	recoveryGBMonth = 0.20

	// aws.amazon.com/eventbridge/pricing: custom events, in steps of 64 KB.
	// Rules and schemas cost nothing, an archive is not counted here.
	customEvent = 1.00 / million

	// aws.amazon.com/sqs/pricing: standard queues.
	sqsRequest = 0.40 / million

	// aws.amazon.com/cloudwatch/pricing: standard logs, the first 10,000
	// metrics, alarms of standard resolution by the metrics they watch.
	logsGB         = 0.50
	logsGBMonth    = 0.03
	metricMonth    = 0.30
	alarmMonth     = 0.10
	dashboardMonth = 3.00

	// aws.amazon.com/ec2/pricing/on-demand: out to the internet.
	outGB = 0.09
)
