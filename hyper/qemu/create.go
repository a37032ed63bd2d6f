package qemu

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// CreateOptions say how to make an image.
type CreateOptions struct {
	// Options are the format's own, as key=value: `qemu-img create -f FORMAT -o help` lists them.
	Options []string
}

// Create makes an empty image of a disk of size bytes. A file that exists is an error (fs.ErrExist) and stays as it is.
func Create(ctx context.Context, image Image, size int64, opts CreateOptions) error {
	image, err := absolute(image)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(image.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // qemu-img would overwrite
	if err != nil {
		return fmt.Errorf("create image: %w", err)
	}
	f.Close() // nothing was written
	args := []string{"create", "-q", "-f", image.Format}
	for _, o := range opts.Options {
		args = append(args, "-o", o)
	}
	if _, err := img(ctx, append(args, "--", image.Path, strconv.FormatInt(size, 10))...); err != nil {
		os.Remove(image.Path)
		return err
	}
	return nil
}
