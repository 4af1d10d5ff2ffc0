package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

const dockerImage = "amazon/dynamodb-local"

// tethered runs its arguments as a command that is asked to end when standard
// input does: with us, even after a kill -9.
const stopOnEOFScript = `exec 3<&0; "$@" & engine=$!; { read -r _ <&3; kill $engine; } & wait $engine`

// docker runs the jar of the official image.
func docker(ctx context.Context, o Options) (launcher, error) {
	path, err := exec.LookPath("docker")
	if err != nil {
		return launcher{}, errors.New("there is no docker on PATH")
	}
	if err := exec.CommandContext(ctx, path, "info").Run(); err != nil {
		return launcher{}, errors.New("docker info does not work, so Docker is not running")
	}
	return launcher{
		startTimeout: dockerStartTimeout,
		hint:         "Starting " + dockerImage + " with Docker; the first time it is downloaded.",
		command: func(port int) command {
			args := []string{"run", "--rm", "--interactive",
				"--publish", fmt.Sprintf("127.0.0.1:%d:8000", port)}
			store := []string{"-inMemory"}
			if o.DataDir != "" {
				// The same path inside as outside, and files that belong to
				// the user.
				args = append(args, "--volume", o.DataDir+":"+o.DataDir,
					"--user", strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()))
				store = []string{"-dbPath", o.DataDir}
			}
			args = append(args, "--entrypoint", "sh", dockerImage, "-c", stopOnEOFScript, "sh",
				"java", "-jar", "DynamoDBLocal.jar", "-port", "8000", "-sharedDb", "-disableTelemetry")
			return command{path: path, args: append(args, store...), stopOnEOF: true}
		},
	}, nil
}
