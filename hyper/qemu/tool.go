package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debian says which of Debian's packages has a tool that is in none but qemu-utils else.
var debian = map[string]string{"qemu-storage-daemon": "qemu-system-common"}

// find looks a tool up, and says which package has it when there is none.
func find(tool string) (string, error) {
	path, err := exec.LookPath(tool)
	if err != nil {
		return "", fmt.Errorf("%s: %w (Debian package %s)", tool, ErrNoTool, cmp.Or(debian[tool], "qemu-utils"))
	}
	return path, nil
}

// img runs qemu-img and returns what it prints.
func img(ctx context.Context, args ...string) ([]byte, error) { return imgWith(ctx, nil, args...) }

// imgWith gives qemu-img one more file, unless it is nil.
func imgWith(ctx context.Context, more *os.File, args ...string) ([]byte, error) {
	path, err := find("qemu-img")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	if more != nil {
		cmd.ExtraFiles = []*os.File{more}
	}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = toolError(err, exit.Stderr)
		}
		return nil, fmt.Errorf("qemu-img %s: %w", args[0], err)
	}
	return out, nil
}

// exitCode is the code that a tool ended with, -1 if it did not end by itself.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// toolError adds what a tool said on standard error to the way it ended.
func toolError(err error, stderr []byte) error {
	said := strings.TrimSpace(string(stderr))
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, said)
}

// absolute makes an image's path one that QEMU takes for a file: one that begins with a slash is never a protocol.
func absolute(image Image) (Image, error) {
	if image.Format == "" {
		return image, fmt.Errorf("%s: %w", image.Path, ErrNoFormat)
	}
	path, err := filepath.Abs(image.Path)
	image.Path = path
	return image, err
}
