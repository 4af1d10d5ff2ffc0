package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"dsync/internal/awslocal/uuid"
)

// Endpoint serves the Invoke action of the Lambda API:
//
//	POST /2015-03-31/functions/{name or ARN}/invocations
//
// It supports only the invocation type RequestResponse. On AWS, IAM authorizes
// the caller. Locally, any program that can reach the loopback address is
// authorized. It is to be served behind loopback.Protect.
type Endpoint struct {
	ctx       context.Context
	functions map[string]Function
	*http.ServeMux
}

// NewEndpoint returns an endpoint for these functions, by name. As on AWS, an
// invocation continues after its client has disconnected. It ends when ctx
// ends.
func NewEndpoint(ctx context.Context, functions map[string]Function) *Endpoint {
	e := &Endpoint{ctx, functions, http.NewServeMux()}
	e.HandleFunc("POST /2015-03-31/functions/{name}/invocations", e.invoke)
	return e
}

func (e *Endpoint) invoke(w http.ResponseWriter, r *http.Request) {
	requestID := uuid.New()
	w.Header().Set("x-amzn-RequestId", requestID)
	w.Header().Set("Content-Type", "application/json")

	name := r.PathValue("name")
	if _, function, ok := strings.Cut(name, ":function:"); ok { // an ARN
		name = function
	}
	name, _, _ = strings.Cut(name, ":") // versions and aliases are ignored
	f, ok := e.functions[name]
	if !ok {
		writeError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+Function{Name: name}.ARN())
		return
	}
	if t := r.Header.Get("X-Amz-Invocation-Type"); t != "" && t != "RequestResponse" {
		writeError(w, http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("The local Lambda endpoint supports only the invocation type RequestResponse, not %s.", t))
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", MaxPayload))
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}") // as Lambda does
	}
	if err != nil || !json.Valid(payload) {
		writeError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
		return
	}

	response, err := f.Invoke(e.ctx, requestID, payload)
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		response, _ = json.Marshal(f.functionError(err, requestID)) // never fails: only strings
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	_, _ = w.Write(response) // fails only when the client has disconnected
}

func writeError(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("x-amzn-ErrorType", errorType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}
