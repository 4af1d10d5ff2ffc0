package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// failureDays is how long the failure bucket keeps an object. The dead-letter
// queues keep a message for 14 days, so a month leaves time to handle both.
const failureDays = 30

// addFailureBucket adds the bucket for batches that an event source mapping gave
// up and for parked records. Its objects have personal data, so it is private,
// encrypted, refuses requests without TLS and keeps an object for a month. It has
// no versions: a deleted object is gone.
func (b *builder) addFailureBucket() {
	props := awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		LifecycleRules: &[]*awss3.LifecycleRule{{
			Expiration:                          awscdk.Duration_Days(jsii.Number(failureDays)),
			AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(1)),
		}},
		RemovalPolicy: b.settings.removal(),
	}
	if b.key != nil {
		// A bucket key saves a call of KMS per object.
		props.Encryption, props.EncryptionKey, props.BucketKeyEnabled = awss3.BucketEncryption_KMS, b.key, jsii.Bool(true)
	}
	b.failures = awss3.NewBucket(b.stack, jsii.String("Failures"), &props)
	b.output("FailureBucketName", "Batches that were given up, and parked records", b.failures.BucketName())
}
