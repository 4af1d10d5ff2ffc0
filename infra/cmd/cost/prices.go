package main

// AWS prices for us-east-1 in US dollars. The source is the pricing page of each
// service, read in 2026. Check the prices before you rely on them. The prices
// include no free tier and no discount.
const (
	million = 1e6
	gb      = 1e9

	// aws.amazon.com/api-gateway/pricing: HTTP APIs, the first 300 million
	// requests per month, in increments of 512 KB.
	httpRequest = 1.00 / million

	// aws.amazon.com/lambda/pricing: arm64, the first 7.5 billion GB-seconds.
	lambdaRequest  = 0.20 / million
	lambdaGBSecond = 0.0000133334

	// aws.amazon.com/dynamodb/pricing/on-demand: standard class. Stream reads by
	// Lambda and deletes by TTL are free.
	writeUnit       = 0.625 / million
	readUnit        = 0.125 / million
	tableGBMonth    = 0.25
	recoveryGBMonth = 0.20

	// aws.amazon.com/eventbridge/pricing: custom events, in increments of 64 KB.
	// Rules and schemas are free. The model does not include an archive.
	customEvent = 1.00 / million
	// crossAccountEvent is one that a rule sends to a bus of another account.
	crossAccountEvent = 1.00 / million

	// aws.amazon.com/eventbridge/pricing: EventBridge Scheduler.
	schedulerInvocation = 1.00 / million

	// aws.amazon.com/sqs/pricing: standard queues.
	sqsRequest = 0.40 / million

	// aws.amazon.com/cloudwatch/pricing: standard logs, the first 10,000
	// metrics, alarms of standard resolution priced per metric.
	logsGB         = 0.50
	logsGBMonth    = 0.03
	metricMonth    = 0.30
	alarmMonth     = 0.10
	dashboardMonth = 3.00

	// aws.amazon.com/ec2/pricing/on-demand: data transfer to the internet.
	outGB = 0.09
)
