package stack

import (
	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// readFailures reads the failure bucket: private, encrypted, with TLS only, and
// its objects expire.
func (r *reader) readFailures() {
	var bucket, policy *resource
	r.failures, bucket = r.only("AWS::S3::Bucket")
	encryption := `{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}`
	if key := r.settings.key; key != "" {
		encryption = `{"BucketKeyEnabled":true,"ServerSideEncryptionByDefault":{"KMSMasterKeyID":"` + key + `","SSEAlgorithm":"aws:kms"}}`
	}
	r.expect("the failure bucket", bucket, map[string]any{
		"PublicAccessBlockConfiguration": `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,"RestrictPublicBuckets":true}`,
		"BucketEncryption":               `{"ServerSideEncryptionConfiguration":[` + encryption + `]}`,
		"LifecycleConfiguration":         `{"Rules":[{"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1},"ExpirationInDays":30,"Status":"Enabled"}]}`,
	})
	_, policy = r.only("AWS::S3::BucketPolicy")
	r.expect("the failure bucket", policy, map[string]any{"Bucket": "${" + r.failures + "}"}, "PolicyDocument")
	got, err := statements(policy.get("PolicyDocument"))
	if diff := cmp.Diff([]statement{{
		Effect: "Deny", Principals: []string{"*"}, Actions: []string{"s3:*"},
		Resources:  []string{"${" + r.failures + ".Arn}", "${" + r.failures + ".Arn}/*"},
		Conditions: map[string]string{"Bool aws:SecureTransport": "false"},
	}}, got, inAnyOrder); diff != "" || err != nil {
		r.complain("the policy of the failure bucket: %v (-want +template):\n%s", err, diff)
	}
}

// failureObjects is the ARN of objects in the failure bucket.
func (r *reader) failureObjects(prefix string) string {
	return "${" + r.failures + ".Arn}/" + prefix + "*"
}

// readSchedules reads the schedules of functions, their group and their roles.
// A role invokes one function.
func (r *reader) readSchedules() {
	if len(r.of("AWS::Scheduler::Schedule")) == 0 {
		return
	}
	group, resource := r.only("AWS::Scheduler::ScheduleGroup")
	r.expect("the schedules", resource, map[string]any{"Name": "dsync-" + r.settings.stage})
	roles := map[string]string{} // function → role of its schedules
	for _, id := range r.of("AWS::Scheduler::Schedule") {
		resource := r.claim(id, "AWS::Scheduler::Schedule", "the system")
		function := idIn(resource.text("Target", "Arn"), "Arn")
		f := r.functions[function]
		if f == nil {
			r.complain("%s invokes no function", id)
			continue
		}
		role := idIn(resource.text("Target", "RoleArn"), "Arn")
		r.expect(f.Name, resource, map[string]any{
			"GroupName": "${" + group + "}", "FlexibleTimeWindow": `{"Mode":"OFF"}`,
		}, "Description", "ScheduleExpression", "Target")
		if got := resource.text("Target", "RetryPolicy"); got != `{"MaximumRetryAttempts":0}` {
			r.complain("%s is retried: %s", id, got)
		}
		if roles[function] == "" {
			r.readSchedulerRole(f, function, role, group)
		} else if roles[function] != role {
			r.complain("the schedules of %s have two roles", f.Name)
		}
		roles[function] = role
		f.Schedules = append(f.Schedules, r.readSchedule(f, id, resource))
	}
}

func (r *reader) readSchedule(f *topology.Function, id string, resource *resource) topology.Schedule {
	// A template contains neither the name nor the rate as the topology has it.
	for _, known := range topology.Dsync().Function(f.Name).Schedules {
		if rate(known) == resource.text("ScheduleExpression") {
			return topology.Schedule{
				Name: known.Name, Rate: known.Rate, Description: resource.text("Description"), Payload: resource.text("Target", "Input"),
			}
		}
	}
	r.complain("%s runs at %s, as no schedule of %s does", id, resource.text("ScheduleExpression"), f.Name)
	return topology.Schedule{}
}

// readSchedulerRole checks that EventBridge Scheduler, for this group of schedules,
// may invoke this function and do nothing else.
func (r *reader) readSchedulerRole(f *topology.Function, function, id, group string) {
	role := r.claim(id, "AWS::IAM::Role", "the schedules of "+f.Name)
	r.expect(f.Name, role, map[string]any{}, "AssumeRolePolicyDocument", "Description", "Policies", "PermissionsBoundary")
	trust, err := statements(role.get("AssumeRolePolicyDocument"))
	if diff := cmp.Diff([]statement{{
		Effect: "Allow", Actions: []string{"sts:AssumeRole"}, Principals: []string{"scheduler.amazonaws.com"},
		Conditions: map[string]string{"StringEquals aws:SourceAccount": "${AWS::AccountId}", "StringEquals aws:SourceArn": "${" + group + ".Arn}"},
	}}, trust, inAnyOrder); err != nil || diff != "" {
		r.complain("%s: who may take the role of its schedules: %v\n%s", f.Name, err, diff)
	}
	var all []statement
	for _, policy := range list(role.get("Policies")) {
		more, err := statements(walk(policy, "PolicyDocument"))
		if err != nil {
			r.complain("%s: %v", id, err)
		}
		all = append(all, more...)
	}
	if diff := cmp.Diff([]statement{{
		Effect: "Allow", Actions: []string{"lambda:InvokeFunction"}, Resources: []string{"${" + function + ".Arn}"},
	}}, all, inAnyOrder); diff != "" {
		r.complain("what the schedules of %s may do (-want +template):\n%s", f.Name, diff)
	}
}
