package system

import (
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
)

// useEndpoints points the SDK of this process at the engine and the bus, by
// the SDK's own variables, and away from whatever AWS account its user has
// configured. undo puts everything back.
func useEndpoints(engine, bus string) (undo func() error, err error) {
	variables := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB":         engine,
		"AWS_ENDPOINT_URL_DYNAMODB_STREAMS": engine,
		"AWS_ENDPOINT_URL_EVENTBRIDGE":      bus,
		"AWS_REGION":                        region,
		"AWS_ACCESS_KEY_ID":                 "local",
		"AWS_SECRET_ACCESS_KEY":             "local",
		"AWS_EC2_METADATA_DISABLED":         "true",
		"AWS_CONFIG_FILE":                   os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE":       os.DevNull,
		// Each of these can lead elsewhere, or refuse an endpoint.
		"AWS_SESSION_TOKEN":                   "",
		"AWS_PROFILE":                         "",
		"AWS_DEFAULT_PROFILE":                 "",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "",
		"AWS_USE_FIPS_ENDPOINT":               "",
		"AWS_USE_DUALSTACK_ENDPOINT":          "",
		"AWS_CA_BUNDLE":                       "",
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
