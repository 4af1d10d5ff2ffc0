package sqs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dsync/internal/awslocal/ndjson"
)

// store is the file: a line for each message that was sent, and one for each
// that was deleted. Opening it leaves only lines of the first kind.
type store struct{ file *ndjson.File }

// line has the first four members or the last one.
type storedLine struct {
	Queue   string    `json:"queue,omitempty"`
	ID      string    `json:"id,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
	Body    string    `json:"body,omitempty"`
	Deleted string    `json:"deleted,omitempty"`
}

func openStore(path string) (*store, []storedLine, error) {
	kept, deletions, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	if deletions > 0 {
		if err := rewrite(path, kept); err != nil {
			return nil, nil, err
		}
	}
	file, err := ndjson.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return &store{file}, kept, nil
}

// read is the messages that the file has, and how many it had before. A torn
// last line is not one.
func read(path string) (kept []storedLine, deletions int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return kept, deletions, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var l storedLine
		if err := json.Unmarshal(text, &l); err != nil || (l.ID == "") == (l.Deleted == "") {
			return nil, 0, fmt.Errorf("line %d of %s is not a queue's; move the file away to start without what is in it", n, path)
		}
		if l.Deleted != "" {
			deletions++
			kept = slices.DeleteFunc(kept, func(k storedLine) bool { return k.ID == l.Deleted })
			continue
		}
		kept = append(kept, l)
	}
}

// rewrite replaces the file as a whole, so that a crash leaves the old one or
// the new one.
func rewrite(path string, kept []storedLine) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-") // mode 0600
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, l := range kept {
		text, encoding := json.Marshal(l)
		_, writing := w.Write(append(text, '\n'))
		err = errors.Join(err, encoding, writing)
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// sent has the message on the disk when it returns.
func (s *store) sent(queue string, m *message) error {
	return errors.Join(s.add(storedLine{Queue: queue, ID: m.id, Sent: m.sent.UTC(), Body: m.body}), s.file.Sync())
}

// deleted need not be on the disk: the message would only come again.
func (s *store) deleted(id string) error { return s.add(storedLine{Deleted: id}) }

func (s *store) add(l storedLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.file.Append(text)
}

func (s *store) close() error { return s.file.Close() }
