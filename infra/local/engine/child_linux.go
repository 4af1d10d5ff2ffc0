package engine

import "syscall"

// withParentDeath makes the kernel end the child when the thread that started
// it ends, which is what a kill -9 of this process amounts to. It must not be
// SIGKILL: DynamoDB Local answers a few milliseconds before it commits, and on
// SIGTERM it commits first.
func withParentDeath(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGTERM
	return a
}
