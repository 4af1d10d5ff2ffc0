package provider

import (
	"net/http"

	"dsync/internal/fault"
)

const mePath = "/Me"

// me is not supported: a token belongs to a directory and to no user of it
// (RFC 7644 section 3.11).
var me = methods{
	http.MethodGet: noMe, http.MethodPost: noMe, http.MethodPut: noMe, http.MethodPatch: noMe, http.MethodDelete: noMe,
}

func noMe(*request) (response, error) {
	return response{}, fault.New(fault.Unsupported, "", "/Me is not supported: the token stands for no user")
}
