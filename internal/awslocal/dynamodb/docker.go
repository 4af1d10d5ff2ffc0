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

// stopOnEOFScript runs its arguments as a command and sends it SIGTERM at the
// end of standard input. So the container ends with this process, even after a
// kill -9.
const stopOnEOFScript = `exec 3<&0; "$@" & server=$!; { read -r _ <&3; kill $server; } & wait $server`

// docker runs the jar in the official image.
func docker(ctx context.Context, o Options) (launcher, error) {
	path, err := exec.LookPath("docker")
	if err != nil {
		return launcher{}, errors.New("docker is not on PATH")
	}
	if err := exec.CommandContext(ctx, path, "info").Run(); err != nil {
		return launcher{}, errors.New("docker info fails, so Docker is not running")
	}
	return launcher{
		startTimeout: dockerStartTimeout,
		hint:         "Starting " + dockerImage + " with Docker. The first start downloads the image.",
		command: func(port int) command {
			args := []string{"run", "--rm", "--interactive",
				"--publish", fmt.Sprintf("127.0.0.1:%d:8000", port)}
			store := []string{"-inMemory"}
			if o.DataDir != "" {
				// The same path inside the container as outside, and files
				// owned by the user.
				args = append(args, "--volume", o.DataDir+":"+o.DataDir,
					"--user", strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()))
				store = []string{"-dbPath", o.DataDir}
			}
			args = append(args, "--entrypoint", "sh", dockerImage, "-c", stopOnEOFScript, "sh",
				"java", "-jar", "DynamoDBLocal.jar", "-port", "8000", "-disableTelemetry")
			return command{path: path, args: append(args, store...), stopOnEOF: true}
		},
	}, nil
}
