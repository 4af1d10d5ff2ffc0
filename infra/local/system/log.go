package system

import (
	"io"
	"log/slog"
	"sync"
)

// ownLogger is for what the machine itself has to say: all of it to the log
// of the functions, and errors to its user as well.
func ownLogger(functions, user io.Writer) *slog.Logger {
	return slog.New(slog.NewMultiHandler(
		slog.NewJSONHandler(functions, nil),
		slog.NewTextHandler(user, &slog.HandlerOptions{Level: slog.LevelError}),
	))
}

// oneByOne lets one writer write at a time.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
