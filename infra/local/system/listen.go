package system

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// listenLocal listens on the loopback addresses: 127.0.0.1, and ::1 if the machine
// has it. Port 0 means any free port.
func listenLocal(port int) (listeners []net.Listener, actual int, err error) {
	for attempt := 0; ; attempt++ {
		v4, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, 0, portError(port, err)
		}
		actual := v4.Addr().(*net.TCPAddr).Port
		v6, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(actual)))
		switch {
		case err == nil:
			return []net.Listener{v4, v6}, actual, nil
		case !errors.Is(err, syscall.EADDRINUSE): // a machine without ::1
			return []net.Listener{v4}, actual, nil
		}
		_ = v4.Close()
		if port != 0 || attempt == 9 {
			return nil, 0, portError(actual, err)
		}
	}
}

func portError(port int, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is in use by another program; choose another port with PORT=%d", port, port+1)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d needs privileges; choose one above 1023, as with PORT=8080", port)
	}
	return err
}

// serve serves h until the server is shut down.
func serve(h http.Handler, log *slog.Logger, listeners ...net.Listener) *http.Server {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	for _, l := range listeners {
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error("a server ended", "address", l.Addr().String(), "error", err)
			}
		}()
	}
	return server
}
