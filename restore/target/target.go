package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"vbfs/restore"
	"vbfs/restore/device"
	"vbfs/restore/image"
	"vbfs/restore/nbd"
	"vbfs/restore/raw"
)

const rawFormat = "raw"

// formats of files, by the suffixes of their names. Those without a writer are refused.
var formats = map[string]struct {
	name     string
	writable bool
}{
	".qcow2": {"qcow2", true},
	".vmdk":  {"vmdk", true},
	".vdi":   {"vdi", false},
	".vhd":   {"vhd", false},
	".vhdx":  {"vhdx", false},
	".qcow":  {"qcow", false},
	".qed":   {"qed", false},
}

var (
	nbdSchemes = []string{"nbd", "nbds", "nbd+unix", "nbds+unix"}
	uri        = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://`)
	hypervisor = regexp.MustCompile(`^(libvirt|vsphere|qmp):`)
)

// Open opens a target, which the caller gives to restore.Copy, or closes.
func Open(ctx context.Context, name string, spec restore.Spec) (restore.Target, error) {
	if m := uri.FindStringSubmatch(name); m != nil {
		return openURI(ctx, name, m[1], spec)
	}
	if hypervisor.MatchString(name) {
		return nil, fmt.Errorf("%w: %s", restore.ErrUnsupported, name)
	}
	path := strings.TrimPrefix(name, "file:")
	isDevice, err := blockDevice(path)
	if err != nil {
		return nil, err
	}
	if isDevice {
		if err := onlyRaw(name, spec); err != nil {
			return nil, err
		}
		return opened(device.Open(path, spec))
	}
	if spec.Format, err = format(path, spec.Format); err != nil {
		return nil, err
	}
	if spec.Format == rawFormat {
		return opened(raw.Open(path, spec))
	}
	return opened(image.Open(ctx, path, spec))
}

// opened keeps a nil pointer of a target that was not opened from becoming an interface that is not nil.
func opened[T restore.Target](t T, err error) (restore.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

func openURI(ctx context.Context, name, scheme string, spec restore.Spec) (restore.Target, error) {
	if !slices.Contains(nbdSchemes, scheme) {
		return nil, fmt.Errorf("%w: %s", restore.ErrUnsupported, name)
	}
	if err := onlyRaw(name, spec); err != nil {
		return nil, err
	}
	return opened(nbd.Open(ctx, name, spec, nbd.Options{}))
}

// onlyRaw refuses a format for what is no file.
func onlyRaw(name string, spec restore.Spec) error {
	if spec.Format != "" && spec.Format != rawFormat {
		return fmt.Errorf("%w: format %s on %s, which holds raw bytes only", restore.ErrUnsupported, spec.Format, name)
	}
	return nil
}

func blockDevice(path string) (bool, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return info.Mode().Type() == os.ModeDevice, nil
}

// format is what was asked for, or what the file's name says.
func format(path, asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	suffix := strings.ToLower(filepath.Ext(path))
	f, ok := formats[suffix]
	switch {
	case !ok:
		return rawFormat, nil
	case !f.writable:
		return "", fmt.Errorf("%w: format %s: disks are restored as raw, qcow2 or vmdk", restore.ErrUnsupported, f.name)
	}
	return f.name, nil
}
