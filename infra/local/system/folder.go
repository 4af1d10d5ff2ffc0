package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// folder is where a machine keeps what survives it. The empty folder keeps
// nothing.
type folder string

func (f folder) kept() bool { return f != "" }

// path is "" when nothing is kept.
func (f folder) path(name string) string {
	if !f.kept() {
		return ""
	}
	return filepath.Join(string(f), name)
}

// ErrRunning says that another process has the folder.
var ErrRunning = errors.New("dsync is already running here")

// lock makes the folder and holds it until unlock. The kernel lets go of it
// with the process, however that ends.
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
			return nil, fmt.Errorf("%w, on the data in %s", ErrRunning, f)
		}
		return nil, fmt.Errorf("%w, as process %d at %s, on the data in %s", ErrRunning, c.PID, c.APIURL, f)
	}
	return file.Close, nil
}

// connection is dsync.json: what a client of the machine needs to know. PID
// is 0 when the machine was stopped.
type connection struct {
	TenantURL      string `json:"tenant_url"`
	Token          string `json:"token"`
	DirectoryID    string `json:"directory_id"`
	OrganizationID string `json:"organization_id"`
	APIURL         string `json:"api_url"`
	APIKey         string `json:"api_key"`
	LambdaURL      string `json:"lambda_url"`
	PID            int    `json:"pid"`
}

const connectionFile = "dsync.json"

// connection is nil on a first start, also after one that did not get far
// enough to write the file.
func (f folder) connection() (*connection, error) {
	if !f.kept() {
		return nil, nil
	}
	text, err := os.ReadFile(f.path(connectionFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c connection
	if err := json.Unmarshal(text, &c); err != nil || c.Token == "" || c.TenantURL == "" {
		return nil, fmt.Errorf("%s cannot be read; `make reset` starts afresh", f.path(connectionFile))
	}
	return &c, nil
}

// keep replaces dsync.json as a whole. It holds a secret, so only its owner
// may read it.
func (f folder) keep(c connection) error {
	if !f.kept() {
		return nil
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(string(f), connectionFile+".part-") // mode 0600
	if err != nil {
		return err
	}
	_, err = part.Write(append(text, '\n'))
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), f.path(connectionFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// Reset deletes a machine's folder unless a machine runs on it.
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
