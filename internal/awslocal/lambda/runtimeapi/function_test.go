package runtimeapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// deadline is generous: nothing here waits for it but what hangs.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func call(t *testing.T, f *runtimeapi.Function, payload string) string {
	t.Helper()
	answer, err := f.Invoke(deadline(t), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestInvoke(t *testing.T) {
	f := function(t, "echo", runtimeapi.Options{})
	for _, payload := range []string{`{"a":1}`, `"b"`, `[]`} {
		if got := call(t, f, payload); got != payload {
			t.Errorf("%s came back as %s", payload, got)
		}
	}
	large := `"` + strings.Repeat("x", lambda.MaxPayload-2) + `"`
	if got := call(t, f, large); got != large {
		t.Errorf("%d bytes came back as %d", len(large), len(got))
	}
}

// A function runs under what Lambda tells it, and with the variables that it
// is given; nothing of this process reaches it.
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
		"_X_AMZN_TRACE_ID", // set by the function's own runtime
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
		for range 2 { // also of the process after the first one
			_, err := f.Invoke(deadline(t), []byte(`{}`))
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
		t.Error("an invocation without a deadline")
	}
	missing := runtimeapi.New(runtimeapi.Options{Binary: "/no/such/bootstrap", Log: t.Output()})
	if err := missing.Warm(t.Context()); err == nil {
		t.Error("a binary that is not there")
	}
}

func TestAnswerOverTheLimit(t *testing.T) {
	f := function(t, "huge", runtimeapi.Options{})
	if got := call(t, f, strings.Repeat("1", lambda.MaxPayload-2)); len(got) != lambda.MaxPayload {
		t.Errorf("at the limit: %d bytes", len(got))
	}
	if _, err := f.Invoke(deadline(t), bytes.Repeat([]byte("1"), lambda.MaxPayload-1)); !errors.Is(err, lambda.ErrResponseTooLarge) {
		t.Errorf("one byte over: %v", err)
	}
	if got := call(t, f, `12`); got != `"xx"` {
		t.Errorf("after that: %s", got)
	}
}

// One process serves one invocation after the other; one that ended or was
// killed has a successor.
func TestAProcessIsKeptUntilItEnds(t *testing.T) {
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
			t.Errorf("%s: process %s goes on", name, first)
		}
		if pid, _ := strconv.Atoi(first); runs(pid) {
			t.Errorf("%s: process %d is still there", name, pid)
		}
	}
}

// runs tells whether a process has not ended; one that nobody has waited for
// has.
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
	if err := function(t, "never asks", runtimeapi.Options{}).Warm(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// Invocations that overlap have processes of their own, up to the limit; what
// is beyond it waits.
func TestConcurrency(t *testing.T) {
	const limit = 3
	arrived, leave := make(chan bool), make(chan bool)
	meeting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- true
		<-leave
	}))
	defer meeting.Close()
	f := function(t, "meets", runtimeapi.Options{Limit: limit, Variables: map[string]string{"MEET": meeting.URL}})
	var mu sync.Mutex
	processes := map[string]int{}
	var calls sync.WaitGroup
	for range 2 * limit {
		calls.Go(func() {
			answer, err := f.Invoke(deadline(t), []byte(`{}`))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			processes[string(answer)]++
		})
	}
	for range limit { // all at once
		<-arrived
	}
	select {
	case <-arrived:
		t.Errorf("more than %d at once", limit)
	case <-time.After(50 * time.Millisecond):
	}
	close(leave)
	for range limit {
		<-arrived
	}
	calls.Wait()
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
	said := strings.Split(log.String(), "\n")
	if len(said) != 3 || !strings.Contains(said[0], `"message":"hello"`) || !strings.Contains(said[0], `"requestId":"`) || said[1] != "torn" {
		t.Errorf("log %q", log.String())
	}
	if _, err := f.Invoke(deadline(t), []byte(`{}`)); err == nil {
		t.Error("a closed function answers")
	}
}

// A process ends with the machine, also when that is killed in the middle of
// an invocation.
func TestProcessesEndWithTheMachine(t *testing.T) {
	machine := exec.Command(os.Args[0])
	machine.Env = append(os.Environ(), role+"=machine")
	out, err := machine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := machine.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || !runs(pid) {
		t.Fatalf("process %q, %v", first, err)
	}
	_ = machine.Process.Kill()
	_ = machine.Wait()
	for deadline := time.Now().Add(30 * time.Second); runs(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its machine", pid)
		}
	}
}
