package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"dsync/infra/test/entra"
)

const (
	// poll is how long to wait at the end of the file; it bounds the error of
	// the measured latency.
	poll = 5 * time.Millisecond
	// ahead is how many events may wait for their reader.
	ahead = 1024
)

// follow delivers each event that is appended to the file from now on, until
// ctx ends. A file that does not exist yet is read from its beginning when it
// appears. A line that is no event is reported and passed over.
func follow(ctx context.Context, path string) (<-chan entra.Event, error) {
	file, err := os.Open(path)
	switch {
	case err == nil:
		if _, err := file.Seek(0, io.SeekEnd); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	events := make(chan entra.Event, ahead)
	go func() {
		for file == nil {
			if !pause(ctx) {
				return
			}
			if opened, err := os.Open(path); err == nil {
				file = opened
			}
		}
		defer file.Close()
		if err := read(ctx, file, events); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "Events can no longer be followed:", err)
		}
	}()
	return events, nil
}

// read delivers one event a line and waits at the end for more.
func read(ctx context.Context, r io.Reader, events chan<- entra.Event) error {
	lines := bufio.NewReader(r)
	var line []byte // what has come of a line that is not complete yet
	for {
		part, err := lines.ReadBytes('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, io.EOF):
			if !pause(ctx) {
				return ctx.Err()
			}
			continue
		case err != nil:
			return err
		}
		var e entra.Event
		if err := json.Unmarshal(line, &e); err != nil {
			fmt.Fprintln(os.Stderr, "A line of the event log is no event:", err)
		} else {
			select {
			case events <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		line = line[:0]
	}
}

// pause waits a moment; false when ctx ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(poll):
		return true
	}
}
