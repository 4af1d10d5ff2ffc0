// Package awsjson writes responses in the AWS JSON protocols. The local AWS
// services use it.
package awsjson

import (
	"encoding/json"
	"net/http"

	"dsync/internal/awslocal/uuid"
)

// Version is the media type of a protocol.
type Version string

// The AWS JSON protocols. SQS uses 1.0, EventBridge 1.1.
const (
	V10 Version = "application/x-amz-json-1.0"
	V11 Version = "application/x-amz-json-1.1"
)

// Write writes a response with a new request id.
func (v Version) Write(w http.ResponseWriter, status int, response any) {
	w.Header().Set("Content-Type", string(v))
	w.Header().Set("x-amzn-RequestId", uuid.New())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(response) // fails only when the client has disconnected
}

// WriteError writes an error of the client, with status 400. code is the error
// shape, with or without its namespace.
func (v Version) WriteError(w http.ResponseWriter, code, message string) {
	v.Write(w, http.StatusBadRequest, map[string]string{"__type": code, "message": message})
}
