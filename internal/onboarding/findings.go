package onboarding

import (
	"context"
	"time"
)

// Finding is what the traffic of the directory tells its admin.
type Finding struct {
	Code        string
	Blocks      bool // nothing is synchronized
	Warns       bool // something is missing or wrong
	Since, Last time.Time
	Count       int64
	Text        string
	Remedy      string // in the words of Entra's portal
}

// Findings are what the traffic of the directory tells, those that block first.
func (s *Session) Findings(context.Context) ([]Finding, error) { return nil, nil }
