package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

const oldestJava = 17

// java runs the jar with the Java that is on PATH.
func java(ctx context.Context, o Options) (launcher, error) {
	path, err := exec.LookPath("java")
	if err != nil {
		return launcher{}, errors.New("java is not on PATH")
	}
	banner, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return launcher{}, errors.New("java -version fails")
	}
	version, ok := javaMajor(string(banner))
	if !ok || version < oldestJava {
		return launcher{}, fmt.Errorf("the java on PATH is older than %d", oldestJava)
	}
	emulator, err := jarFolder(ctx, o.Log)
	if err != nil {
		return launcher{}, err
	}
	store := []string{"-inMemory"}
	if o.DataDir != "" {
		store = []string{"-dbPath", o.DataDir}
	}
	return launcher{
		startTimeout: javaStartTimeout,
		command: func(port int) command {
			return command{path: path, dir: emulator, args: append([]string{
				// The serial collector and C1 suit a short life on few cores.
				"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
				"-Djava.library.path=" + filepath.Join(emulator, "DynamoDBLocal_lib"),
				"-jar", filepath.Join(emulator, "DynamoDBLocal.jar"),
				"-port", strconv.Itoa(port), "-disableTelemetry",
			}, store...)}
		},
	}, nil
}

// The version in the output of `java -version`: "17.0.15", or "1.8.0_402"
// before Java 9.
var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

func javaMajor(banner string) (int, bool) {
	m := javaVersion.FindStringSubmatch(banner)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}
