package system

import (
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"

	"dsync/internal/awslocal/lambda/runtimeapi"
)

// misleading are variables that can lead elsewhere, or refuse an endpoint.
var misleading = []string{
	"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
	"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CA_BUNDLE",
}

// use points the SDK of this process at the services. undo puts everything
// back.
func use(s runtimeapi.Services) (undo func() error, err error) {
	variables := s.Variables()
	for _, name := range misleading {
		variables[name] = ""
	}
	var undoing []func() error
	undo = func() error {
		var errs []error
		for _, f := range undoing {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	for name, value := range variables {
		if before, set := os.LookupEnv(name); set {
			undoing = append(undoing, func() error { return os.Setenv(name, before) })
		} else {
			undoing = append(undoing, func() error { return os.Unsetenv(name) })
		}
		set := func() error { return os.Setenv(name, value) }
		if value == "" {
			set = func() error { return os.Unsetenv(name) }
		}
		if err := set(); err != nil {
			return undo, err
		}
	}
	return undo, nil
}

// useLog sends what functions log to w as they do on Lambda, through slog or
// log, one JSON object a line. A file takes what they print as well, and what
// the SDK has to say to standard error.
func useLog(w io.Writer) (undo func() error) {
	logger, out, flags := slog.Default(), log.Writer(), log.Flags()
	stdout, stderr := os.Stdout, os.Stderr
	if f, ok := w.(*os.File); ok {
		os.Stdout, os.Stderr = f, f
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, nil)))
	return func() error {
		slog.SetDefault(logger)
		log.SetOutput(out)
		log.SetFlags(flags)
		os.Stdout, os.Stderr = stdout, stderr
		return nil
	}
}

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
