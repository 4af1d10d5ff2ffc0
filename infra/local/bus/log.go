package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Log is a file with one event a line, in the order of delivery. It is the
// target topology.EventLog on one machine. Only one process may have it open.
type Log struct{ f *os.File }

// OpenLog opens or creates the file. A last line without its end was torn by
// a crash: its event was not answered, so it comes again, and the rest of it
// is removed.
func OpenLog(file string) (*Log, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if err := heal(f); err != nil {
		return nil, errors.Join(fmt.Errorf("bus: %s: %w", file, err), f.Close())
	}
	return &Log{f}, nil
}

// heal cuts f after its last newline and leaves the offset there.
func heal(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	end := size
	for block := make([]byte, 64<<10); end > 0; {
		start := max(0, end-int64(len(block)))
		n, err := f.ReadAt(block[:end-start], start)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			end = start + int64(i) + 1
			break
		}
		end = start
	}
	if err := f.Truncate(end); err != nil {
		return err
	}
	_, err = f.Seek(end, io.SeekStart)
	return err
}

// Append writes one event. A line that could not be written whole is taken
// back, so that the next one does not continue it.
func (l *Log) Append(event json.RawMessage) error {
	before, err := l.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := l.f.Write(append(bytes.Clone(event), '\n')); err != nil {
		_, seek := l.f.Seek(before, io.SeekStart)
		return errors.Join(err, l.f.Truncate(before), seek)
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error { return l.f.Close() }
