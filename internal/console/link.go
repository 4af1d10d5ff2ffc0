package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim"

	"github.com/aws/aws-lambda-go/lambda"
)

// order asks for a sign-in link.
type order struct {
	Person string `json:"person"` // as the audit log shall name the person
	Role   string `json:"role"`   // one of management.Roles
	// RequestContext is in every payload of API Gateway, and in no order.
	RequestContext json.RawMessage `json:"requestContext"`
}

// LinkMaker returns the handler of the function: it makes a sign-in link for
// whoever may invoke the function, and leaves the payloads of API Gateway to served.
// Its answer has the path of the link, and when it expires.
func LinkMaker(o Options, served lambda.Handler) lambda.Handler {
	return maker{management.NewConsole(o.Table, o.Now, o.Entropy), served}
}

type maker struct {
	people *management.Console
	served lambda.Handler
}

// Invoke implements lambda.Handler.
func (m maker) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in order
	if err := json.Unmarshal(payload, &in); err != nil || in.RequestContext != nil {
		return m.served.Invoke(ctx, payload)
	}
	secret, expires, err := m.people.Link(ctx, in.Person, in.Role)
	var invalid *fault.Error
	if errors.As(err, &invalid) && len(invalid.Fields) > 0 {
		return nil, errors.New(invalid.Fields[0].Code)
	} else if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"path":       Base + "/sign-in?link=" + url.QueryEscape(secret),
		"expires_at": scim.Timestamp(expires),
	})
}
