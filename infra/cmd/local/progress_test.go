package main

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"
)

// While a step takes time, there is a line each 3 seconds. When the start is over,
// there is none.
func TestNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := startProgress(&out, progressInterval)
		p.step("DynamoDB Local")
		time.Sleep(7 * time.Second)
		fmt.Fprintln(p.log(&out), "Downloading")
		p.step("the functions")
		time.Sleep(3 * time.Second)
		p.stop()
		time.Sleep(time.Minute)
		want := `^  3 s: starting DynamoDB Local
  6 s: starting DynamoDB Local
Downloading
  2 s: starting the functions
$`
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("it says:\n%s", out.String())
		}
	})
}
