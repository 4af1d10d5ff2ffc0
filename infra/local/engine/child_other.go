//go:build !linux

package engine

import "syscall"

// withParentDeath has nothing to offer here; the pid file of a kept engine
// and the tether of a container take its place.
func withParentDeath(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }
