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

// store is the file of the queues. It has a line for each sent message, another
// one when a message was moved to another queue, and a line for each deleted
// message. openStore removes the lines that do not count any more.
type store struct{ file *ndjson.File }

// storedLine has either the first four fields (a sent message) or only the last
// (the id of a deleted one).
type storedLine struct {
	Queue   string    `json:"queue,omitempty"`
	ID      string    `json:"id,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
	Body    string    `json:"body,omitempty"`
	Deleted string    `json:"deleted,omitempty"`
}

func openStore(path string) (*store, []storedLine, error) {
	messages, outdated, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	if outdated > 0 {
		if err := rewrite(path, messages); err != nil {
			return nil, nil, err
		}
	}
	file, err := ndjson.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return &store{file}, messages, nil
}

// read returns the messages in the file and the number of lines that do not
// count any more. It ignores an incomplete last line.
func read(path string) (messages []storedLine, outdated int, err error) {
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
			return messages, outdated, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var l storedLine
		if err := json.Unmarshal(text, &l); err != nil || (l.ID == "") == (l.Deleted == "") {
			return nil, 0, fmt.Errorf("line %d of %s is not a stored message; move the file away to start with empty queues", n, path)
		}
		before := len(messages)
		messages = slices.DeleteFunc(messages, func(k storedLine) bool { return k.ID == l.Deleted || k.ID == l.ID })
		outdated += before - len(messages)
		if l.Deleted != "" {
			outdated++
			continue
		}
		messages = append(messages, l)
	}
}

// rewrite replaces the file atomically.
func rewrite(path string, messages []storedLine) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-") // mode 0600
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, l := range messages {
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

// sent stores a message and syncs the file.
func (s *store) sent(queue string, m *message) error {
	return errors.Join(s.add(storedLine{Queue: queue, ID: m.id, Sent: m.sent.UTC(), Body: m.body}), s.file.Sync())
}

// deleted stores a deletion without a sync: if it is lost, the message is only
// received again.
func (s *store) deleted(id string) error { return s.add(storedLine{Deleted: id}) }

func (s *store) add(l storedLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.file.Append(text)
}

func (s *store) close() error { return s.file.Close() }
