package process

import "syscall"

// setParentDeathSignal makes the kernel send the signal to the child when the
// thread that started it ends. That includes a kill -9 of this process.
func setParentDeathSignal(a *syscall.SysProcAttr, signal syscall.Signal) { a.Pdeathsig = signal }
