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
	// poll is the polling interval at the end of the file. It limits the error
	// of the measured latency.
	poll = 5 * time.Millisecond
	// ahead is the buffer size of the event channel.
	ahead = 1024
)

// follow delivers each event that is appended to the file after the call, until
// ctx ends. If the file does not exist, follow waits for it and reads it from the
// beginning. It reports and skips a line that is not an event.
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
			fmt.Fprintln(os.Stderr, "Reading events failed:", err)
		}
	}()
	return events, nil
}

// read delivers one event per line. At the end it waits for more lines.
func read(ctx context.Context, r io.Reader, events chan<- entra.Event) error {
	lines := bufio.NewReader(r)
	var line []byte // the available part of an incomplete line
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
			fmt.Fprintln(os.Stderr, "Skipping a line of events.ndjson that is not an event:", err)
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

// pause waits for one polling interval. It returns false if ctx ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(poll):
		return true
	}
}
