package dynamodb

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The npm package that contains the official DynamoDB Local jar. Its
// dependencies are not needed.
const (
	jarPackage   = "amplify-dynamodb-simulator@2.9.30"
	jarIntegrity = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
	jarName      = "dynamodb-local-2.9.30"
)

// jarFolder returns the folder of DynamoDBLocal.jar. It downloads the jar if
// needed. The folder is created atomically, also by concurrent processes.
func jarFolder(ctx context.Context, log io.Writer) (string, error) {
	parent, err := cacheFolder()
	if err != nil {
		return "", fmt.Errorf("no cache folder for the DynamoDB Local jar: %w", err)
	}
	folder := filepath.Join(parent, jarName)
	if isJarFolder(folder) {
		return folder, nil
	}
	unlock, err := lock(ctx, folder+".lock")
	if err != nil {
		return "", fmt.Errorf("the DynamoDB Local jar: %w", err)
	}
	defer unlock()
	if isJarFolder(folder) { // another process has downloaded it
		return folder, nil
	}
	if err := fetch(ctx, parent, folder, log); err != nil {
		return "", fmt.Errorf("the DynamoDB Local jar: %w", err)
	}
	return folder, nil
}

func isJarFolder(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "DynamoDBLocal.jar"))
	return err == nil
}

// cacheFolder returns a folder in the user's cache folder, or a temporary folder
// if there is no cache folder.
func cacheFolder() (string, error) {
	if cache, err := os.UserCacheDir(); err == nil {
		folder := filepath.Join(cache, "dsync")
		if os.MkdirAll(folder, 0o755) == nil {
			return folder, nil
		}
	}
	folder := filepath.Join(os.TempDir(), "dsync-"+strconv.Itoa(os.Getuid()))
	return folder, os.MkdirAll(folder, 0o700)
}

// lock locks the file until unlock or the end of the process.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// fetch downloads the package, verifies it, unpacks its emulator folder next to
// folder, and renames the result to folder.
func fetch(ctx context.Context, parent, folder string, log io.Writer) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("the download needs npm, and npm is not on PATH")
	}
	work, err := os.MkdirTemp(parent, jarName+".part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	fmt.Fprintf(log, "Downloading DynamoDB Local (npm package %s, about 57 MB, once) to %s\n", jarPackage, folder)
	pack := exec.CommandContext(ctx, npm, "pack", jarPackage, "--ignore-scripts", "--loglevel=error")
	pack.Dir = work
	output := &outputTail{}
	pack.Stdout, pack.Stderr = output, output
	if err := pack.Run(); err != nil {
		return fmt.Errorf("npm pack %s: %w: %s", jarPackage, err, output.tail())
	}
	tarballs, err := filepath.Glob(filepath.Join(work, "*.tgz"))
	if err != nil || len(tarballs) != 1 {
		return fmt.Errorf("npm pack %s wrote %d files, want 1", jarPackage, len(tarballs))
	}
	if err := verify(tarballs[0], jarIntegrity); err != nil {
		return err
	}
	unpacked := filepath.Join(work, "emulator")
	if err := unpack(tarballs[0], "package/emulator", unpacked); err != nil {
		return err
	}
	if !isJarFolder(unpacked) {
		return fmt.Errorf("%s does not contain DynamoDBLocal.jar", jarPackage)
	}
	return os.Rename(unpacked, folder)
}

// verify checks the base64 SHA-512 of a file, which npm calls its integrity.
func verify(file, integrity string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != integrity {
		return fmt.Errorf("%s is not the package that was published: sha512 is %s, want %s", filepath.Base(file), got, integrity)
	}
	return nil
}
