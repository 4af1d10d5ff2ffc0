// Package runfile reads and writes dsync.json, the file with which `make run`
// tells other programs on this machine how to reach the system.
package runfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Name is the name of the file in the data folder.
const Name = "dsync.json"

// Run is the content of the file.
type Run struct {
	TenantURL      string `json:"tenant_url"`
	Token          string `json:"token"` // the Secret Token
	DirectoryID    string `json:"directory_id"`
	OrganizationID string `json:"organization_id"`
	APIURL         string `json:"api_url"`
	APIKey         string `json:"api_key"`
	ConsoleURL     string `json:"console_url"` // signs in once, within five minutes of the start; `make console` prints another link
	LambdaURL      string `json:"lambda_url"`  // where operators invoke functions
	PID            int    `json:"pid"`         // 0 after the system was stopped
}

// Path returns the path of the file in a folder.
func Path(folder string) string { return filepath.Join(folder, Name) }

// Read reads the file. It fails with os.ErrNotExist if there is none, and with
// another error if the file is not complete.
func Read(folder string) (Run, error) {
	var r Run
	text, err := os.ReadFile(Path(folder))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", Path(folder), err)
	}
	if r.TenantURL == "" || r.Token == "" {
		return r, fmt.Errorf("%s has no tenant_url and token", Path(folder))
	}
	return r, nil
}

// Write replaces the file atomically. The file contains secrets, so only its
// owner may read it.
func Write(folder string, r Run) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(folder, Name+".part-") // mode 0600
	if err != nil {
		return err
	}
	_, err = part.Write(append(text, '\n'))
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), Path(folder))
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}
