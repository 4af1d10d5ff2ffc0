package process

import "syscall"

// atOurEnd makes the kernel send the signal when the thread that started the
// child ends, which is what a kill -9 of this process amounts to.
func setParentDeathSignal(a *syscall.SysProcAttr, signal syscall.Signal) { a.Pdeathsig = signal }
