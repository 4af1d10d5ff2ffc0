package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"dsync/infra/local/runfile"
	"dsync/internal/awslocal/awsconfig"
)

// folder is the data folder of a system. The empty folder stores nothing.
type folder string

func (f folder) kept() bool { return f != "" }

// path returns the path of a file, or "" for the empty folder.
func (f folder) path(name string) string {
	if !f.kept() {
		return ""
	}
	return filepath.Join(string(f), name)
}

// ErrRunning reports that another process uses the folder.
var ErrRunning = errors.New("dsync is already running here: stop it first, with Ctrl-C")

// lock creates the folder and locks it until unlock. The kernel releases the lock
// when the process ends.
func (f folder) lock() (unlock func() error, err error) {
	if !f.kept() {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(f.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", f.path("lock"), err)
		}
		c, _ := f.connection()
		if c == nil || c.PID == 0 {
			return nil, fmt.Errorf("%w (it uses the data in %s)", ErrRunning, f)
		}
		return nil, fmt.Errorf("%w (process %d at %s uses the data in %s)", ErrRunning, c.PID, c.APIURL, f)
	}
	return file.Close, nil
}

// accessKey returns the access key ID of the folder's tables, a secret. It is made
// once.
func (f folder) accessKey() (string, error) {
	if !f.kept() {
		return awsconfig.NewAccessKey(), nil
	}
	path := f.path("access-key")
	stored, err := os.ReadFile(path)
	if err == nil && len(stored) > 0 {
		return string(stored), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	key := awsconfig.NewAccessKey()
	return key, os.WriteFile(path, []byte(key), 0o600)
}

// connection returns the content of dsync.json, or nil if there is none yet.
func (f folder) connection() (*runfile.Run, error) {
	if !f.kept() {
		return nil, nil
	}
	r, err := runfile.Read(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; `make reset` deletes the data", err)
	}
	return &r, nil
}

// keep replaces dsync.json.
func (f folder) keep(r runfile.Run) error {
	if !f.kept() {
		return nil
	}
	return runfile.Write(string(f), r)
}

// Reset deletes the folder unless a system is using it.
func Reset(dir string) error {
	f := folder(dir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), unlock())
}
