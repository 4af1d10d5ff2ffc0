package setuplink

// The steps of a setup, in their order.
const (
	StepWelcome     = "welcome"          // the link was not opened
	StepApplication = "application"      // it was opened, and there is no token
	StepConnect     = "connect"          // there is a token, and no request came
	StepMappings    = "mappings"         // a request came, and no user
	StepTestUser    = "test_user"        // one user came
	StepPeople      = "users_and_groups" // a group came, too
	StepDone        = "done"             // several users came
)

// Step is the step that the setup of a directory has reached. pending says that no
// request came.
func Step(opened, pending bool, tokens, users, groups int) string {
	switch {
	case users > 1:
		return StepDone
	case users == 1 && groups > 0:
		return StepPeople
	case users == 1:
		return StepTestUser
	case !pending:
		return StepMappings
	case !opened:
		return StepWelcome
	case tokens == 0:
		return StepApplication
	}
	return StepConnect
}
