// Package trial has what the commands share that try a running system in a directory
// of their own: waiting for what takes a while, and the deletion of what they made.
package trial

import (
	"context"
	"errors"
	"net/http"
	"time"

	"dsync/infra/local/client"
)

// Waiting is how a condition is waited for.
type Waiting struct {
	Every, Most time.Duration // between two looks, and in all
	Tell        time.Duration // between two lines about it
}

// ErrTooLong is the error of Until when the condition does not hold in time.
var ErrTooLong = errors.New("it took too long")

// Until looks whether a condition holds until it does. It tells how long it has waited.
// It fails with the error of the condition, or with ErrTooLong.
func (w Waiting) Until(ctx context.Context, tell func(waited time.Duration), holds func() (bool, error)) error {
	began, told := time.Now(), time.Now()
	for {
		done, err := holds()
		if err != nil || done {
			return err
		}
		now := time.Now()
		if now.Sub(began) >= w.Most {
			return ErrTooLong
		}
		if now.Sub(told) >= w.Tell {
			told = now
			tell(now.Sub(began))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(w.Every):
		}
	}
}

// DeleteOrganization deletes an organization whose directory is being deleted. It
// reports whether that is done: as long as the organization has the directory, the API
// refuses.
func DeleteOrganization(ctx context.Context, api client.Client, organizationID string) (done bool, err error) {
	err = api.Call(ctx, http.MethodDelete, "/organizations/"+organizationID, nil, nil)
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusConflict {
		return false, nil
	}
	return err == nil, err
}
