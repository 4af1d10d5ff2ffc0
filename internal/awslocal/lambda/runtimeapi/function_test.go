package runtimeapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"
)

// withDeadline returns a context with a deadline that no passing test reaches.
func withDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func call(t *testing.T, f *runtimeapi.Function, payload string) string {
	t.Helper()
	answer, err := f.Invoke(withDeadline(t), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestInvoke(t *testing.T) {
	f := function(t, "echo", runtimeapi.Options{})
	for _, payload := range []string{`{"a":1}`, `"b"`, `[]`} {
		if got := call(t, f, payload); got != payload {
			t.Errorf("%s: response %s", payload, got)
		}
	}
	large := `"` + strings.Repeat("x", lambda.MaxPayload-2) + `"`
	if got := call(t, f, large); got != large {
		t.Errorf("%d bytes: response of %d bytes", len(large), len(got))
	}
}

// A function gets the Lambda context and the configured variables. It gets no
// variable of this process.
func TestContextAndEnvironment(t *testing.T) {
	t.Setenv("DSYNC_STRAY", "x")
	f := function(t, "context", runtimeapi.Options{Variables: map[string]string{"TABLE_NAME": "t"}, MemoryMiB: 256})
	answer, err := lambda.Function{Name: "f", Timeout: 30 * time.Second, Handler: f}.Invoke(t.Context(), "r-1", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID, ARN, Trace, Name string
		Left                 time.Duration
		Memory               int
		Environment          []string
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != "r-1" || got.ARN != (lambda.Function{Name: "f"}).ARN() || got.Name != "f" || got.Memory != 256 {
		t.Errorf("context %s", answer)
	}
	if got.Left <= 0 || got.Left > 30*time.Second || !strings.HasPrefix(got.Trace, "Root=1-") {
		t.Errorf("deadline in %v, trace %q", got.Left, got.Trace)
	}
	var names []string
	for _, variable := range got.Environment {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_RUNTIME_API", role, "TABLE_NAME", "TZ",
		"_X_AMZN_TRACE_ID", // set by the runtime client of the function
	}
	if !slices.Equal(names, want) {
		t.Errorf("environment %v, want %v", names, want)
	}
}

func TestErrors(t *testing.T) {
	for name, want := range map[string]lambda.FunctionError{
		"fails":        {Type: "errorString", Message: "no such thing"},
		"panics":       {Type: "string", Message: "ouch"},
		"ends":         {Type: "Runtime.ExitError", Message: "function f: Runtime exited with error: exit status 7"},
		"ends at once": {Type: "Runtime.ExitError", Message: "function f: Runtime exited with error: exit status 3"},
	} {
		f := function(t, name, runtimeapi.Options{})
		for range 2 { // the second time possibly in a new process
			_, err := f.Invoke(withDeadline(t), []byte(`{}`))
			var got *lambda.FunctionError
			if !errors.As(err, &got) || got.Type != want.Type || got.Message != want.Message {
				t.Errorf("%s: %v", name, err)
			}
			if (name == "panics") != strings.Contains(string(got.StackTrace), "main_test.go") {
				t.Errorf("%s: stack trace %.200s", name, got.StackTrace)
			}
		}
	}
	f := function(t, "no such role", runtimeapi.Options{})
	if _, err := f.Invoke(t.Context(), nil); err == nil {
		t.Error("an invocation without a deadline was accepted")
	}
	missing := runtimeapi.New(runtimeapi.Options{Binary: "/no/such/bootstrap", Log: t.Output()})
	if err := missing.Warm(t.Context()); err == nil {
		t.Error("a missing binary was started")
	}
}

func TestResponseOverTheLimit(t *testing.T) {
	f := function(t, "huge", runtimeapi.Options{})
	if got := call(t, f, strings.Repeat("1", lambda.MaxPayload-2)); len(got) != lambda.MaxPayload {
		t.Errorf("at the limit: %d bytes", len(got))
	}
	if _, err := f.Invoke(withDeadline(t), bytes.Repeat([]byte("1"), lambda.MaxPayload-1)); !errors.Is(err, lambda.ErrResponseTooLarge) {
		t.Errorf("one byte over: %v", err)
	}
	if got := call(t, f, `12`); got != `"xx"` {
		t.Errorf("after that: %s", got)
	}
}

// A process serves one invocation after the other. After it has ended or was
// killed, another process takes its place.
func TestProcessIsReusedUntilItEnds(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		want    error
	}{
		"ends":  {time.Minute, &lambda.FunctionError{}},
		"hangs": {50 * time.Millisecond, lambda.ErrTimeout},
	} {
		f := function(t, name, runtimeapi.Options{Limit: 1})
		if err := f.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := call(t, f, `"go on"`)
		if again := call(t, f, `"go on"`); again != first {
			t.Errorf("%s: process %s, then %s", name, first, again)
		}
		_, err := lambda.Function{Name: "f", Timeout: c.timeout, Handler: f}.Invoke(t.Context(), "r", []byte(`"end"`))
		if got, want := fmt.Sprintf("%T", err), fmt.Sprintf("%T", c.want); got != want {
			t.Errorf("%s: %v, want a %s", name, err, want)
		}
		if next := call(t, f, `"go on"`); next == first {
			t.Errorf("%s: process %s was reused", name, first)
		}
		if pid, _ := strconv.Atoi(first); runs(pid) {
			t.Errorf("%s: process %d still runs", name, pid)
		}
	}
}

// runs reports whether a process has not ended. A zombie has ended.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return !bytes.Contains(stat, []byte(") Z "))
}

func TestInitThatNeverEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := function(t, "never calls next", runtimeapi.Options{}).Warm(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// Concurrent invocations run in separate processes, up to the limit. The
// others wait.
func TestConcurrency(t *testing.T) {
	const limit = 3
	var mu sync.Mutex
	var inProgress, most int
	count := func(change int) {
		mu.Lock()
		defer mu.Unlock()
		inProgress += change
		most = max(most, inProgress)
	}
	arrived, leave := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		count(1)
		defer count(-1)
		arrived <- true
		<-leave
	}))
	defer server.Close()
	f := function(t, "waits", runtimeapi.Options{Limit: limit, Variables: map[string]string{"WAIT_URL": server.URL}})
	processes := map[string]int{}
	var calls sync.WaitGroup
	for range 2 * limit {
		calls.Go(func() {
			answer, err := f.Invoke(withDeadline(t), []byte(`{}`))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			processes[string(answer)]++
		})
	}
	for range limit { // concurrently
		<-arrived
	}
	for range limit { // each of the others after one of the first has left
		leave <- true
		<-arrived
	}
	for range limit {
		leave <- true
	}
	calls.Wait()
	if most != limit {
		t.Errorf("%d invocations at once, want %d", most, limit)
	}
	if len(processes) != limit {
		t.Errorf("processes %v, want %d", processes, limit)
	}
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	f := function(t, "logs", runtimeapi.Options{Log: &log})
	call(t, f, `{}`)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(log.String(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"message":"hello"`) || !strings.Contains(lines[0], `"requestId":"`) || lines[1] != "torn" {
		t.Errorf("log %q", log.String())
	}
	if _, err := f.Invoke(withDeadline(t), []byte(`{}`)); err == nil {
		t.Error("a closed function was invoked")
	}
}

// A process ends with the local system, even if that is killed in the middle of
// an invocation.
func TestProcessesEndWithTheSystem(t *testing.T) {
	system := exec.Command(os.Args[0])
	system.Env = append(os.Environ(), role+"=system")
	out, err := system.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := system.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(out)
	first, err := output.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || !runs(pid) {
		t.Fatalf("process %q, %v", first, err)
	}
	_ = system.Process.Kill()
	if err := out.(*os.File).SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that holds it has ended.
	if _, err := io.Copy(io.Discard, output); err != nil {
		t.Fatalf("process %d outlives its system: %v", pid, err)
	}
	_ = system.Wait()
}
