package dynamodb

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// unpack writes the regular files below prefix in a gzipped tarball to the new
// folder. It rejects file names that point outside the folder.
func unpack(tarball, prefix, folder string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		entry, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(entry.Name, prefix+"/")
		if !ok || entry.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(name) || path.Clean(name) != name {
			return fmt.Errorf("invalid file name %q in %s", entry.Name, filepath.Base(tarball))
		}
		if err := writeFile(filepath.Join(folder, name), r); err != nil {
			return err
		}
	}
}

func writeFile(file string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
