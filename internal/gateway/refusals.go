package gateway

import (
	"net/http"

	"dsync/internal/metric"
)

// Refusals counts a request that was refused before it cost anything, by the status
// of its response. It is empty for other responses.
func Refusals(status int) []metric.Value {
	switch status {
	case http.StatusUnauthorized:
		return []metric.Value{metric.Unauthorized.Of(1)}
	case http.StatusTooManyRequests:
		return []metric.Value{metric.RateLimited.Of(1)}
	}
	return nil
}
