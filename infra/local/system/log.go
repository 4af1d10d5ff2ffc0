package system

import (
	"io"
	"log/slog"
	"sync"
)

// ownLogger returns the logger of the system itself. It writes to the functions'
// log, and errors to the user as well.
func ownLogger(functions, user io.Writer) *slog.Logger {
	return slog.New(slog.NewMultiHandler(
		slog.NewJSONHandler(functions, nil),
		slog.NewTextHandler(user, &slog.HandlerOptions{Level: slog.LevelError}),
	))
}

// oneByOne serializes writes.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
