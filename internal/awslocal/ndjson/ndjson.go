// Package ndjson appends JSON values to a file, one value on each line.
//
// An appended value survives kill -9. After Sync it also survives the loss of
// power. Open removes an incomplete last line, which a crash during Append
// leaves. Only one process may have a file open.
package ndjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// File is an open file. It is not safe for concurrent use.
type File struct{ f *os.File }

// Open opens or creates the file and removes an incomplete last line.
func Open(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := removeTornLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return &File{f}, nil
}

// removeTornLine truncates f after its last newline and sets the offset to the
// end.
func removeTornLine(f *os.File) error {
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

// Append writes one value, which must not contain a newline. If a write fails,
// Append removes the incomplete line, so that the next value starts a new line.
func (l *File) Append(value json.RawMessage) error {
	before, err := l.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := l.f.Write(append(bytes.Clone(value), '\n')); err != nil {
		_, seek := l.f.Seek(before, io.SeekStart)
		return errors.Join(err, l.f.Truncate(before), seek)
	}
	return nil
}

// Sync writes the appended values to the disk.
func (l *File) Sync() error { return l.f.Sync() }

// Close closes the file.
func (l *File) Close() error { return l.f.Close() }
