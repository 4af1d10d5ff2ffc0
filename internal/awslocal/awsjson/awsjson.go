// Package awsjson answers requests in AWS's JSON protocols, as the endpoints
// of one machine do.
package awsjson

import (
	"encoding/json"
	"net/http"

	"dsync/internal/awslocal/uuid"
)

// Version is the media type of a protocol.
type Version string

// The protocols: SQS speaks 1.0, EventBridge 1.1.
const (
	V10 Version = "application/x-amz-json-1.0"
	V11 Version = "application/x-amz-json-1.1"
)

// Reply sends an answer under a request id of its own.
func (v Version) Write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", string(v))
	w.Header().Set("x-amzn-RequestId", uuid.New())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone is none of ours
}

// Refuse says that the request is at fault. code is the error's shape, with
// or without its namespace.
func (v Version) WriteError(w http.ResponseWriter, code, message string) {
	v.Write(w, http.StatusBadRequest, map[string]string{"__type": code, "message": message})
}
