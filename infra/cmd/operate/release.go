package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"dsync/internal/release"
)

// changelog is the page that describes the releases, the newest first.
const changelog = "docs/changelog.md"

var entry = regexp.MustCompile(`(?m)^## (\S+)$`)

// newest returns the version of the newest entry of the changelog.
func newest(text []byte) string {
	found := entry.FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// tagRelease tags this commit as the release that the changelog describes.
func tagRelease(ctx context.Context, out io.Writer) error {
	text, err := os.ReadFile(changelog)
	if err != nil {
		return err
	}
	if got := newest(text); got != release.Version {
		return fmt.Errorf("the newest entry of %s is %s, and package release has %s: write the entry, and count up", changelog, got, release.Version)
	}
	changes, err := git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changes != "" {
		return errors.New("there are changes that are not committed: a release is a commit")
	}
	tag := "v" + release.Version
	if found, err := git(ctx, "tag", "--list", tag); err != nil || found != "" {
		return errors.Join(err, fmt.Errorf("the tag %s exists: count up internal/release and write an entry in %s", tag, changelog))
	}
	if _, err := git(ctx, "tag", "-a", tag, "-m", "dsync "+release.Version); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "This commit is %s. Publish the tag with git push origin %s\n", tag, tag)
	return err
}

func git(ctx context.Context, arguments ...string) (string, error) {
	text, err := exec.CommandContext(ctx, "git", arguments...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %s", arguments[0], strings.TrimSpace(string(text)))
	}
	return strings.TrimSpace(string(text)), nil
}
