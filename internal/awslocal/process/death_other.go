//go:build !linux

package process

import "syscall"

// setParentDeathSignal does nothing: only Linux has parent death signals. A
// child must detect the end of this process by itself.
func setParentDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
