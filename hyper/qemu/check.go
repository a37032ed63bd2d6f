package qemu

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Exit codes of `qemu-img check` that say that every byte of the disk can be read: qemu-img(1).
const (
	checkLeaks       = 3  // space that nothing uses
	checkUnsupported = 63 // the format has no check
)

// Check looks whether an image, without its base, is whole. It reads the image's tables, not its data. QEMU itself
// serves an image that was cut off (a copy that was not finished, a file system that was full) and reads zeros where the
// file ends; qemu-img's own check sees that in some formats only.
func Check(ctx context.Context, info Info) error { return CheckSecret(ctx, info, nil) }

// CheckSecret is Check of an image that may be encrypted.
func CheckSecret(ctx context.Context, info Info, secret []byte) error {
	if info.Format == Raw || info.Format == LUKS { // as long as their files are
		return nil
	}
	err := imgCheck(ctx, info, secret)
	switch code := exitCode(err); {
	case err == nil, code == checkLeaks, code == checkUnsupported:
	case code > 0:
		return fmt.Errorf("%s: %w: %w", info.Path, ErrDamaged, err)
	default:
		return err
	}
	for _, file := range info.DataFiles {
		if err := longEnough(file.Path, file.Flat); err != nil {
			return err
		}
	}
	if info.Format == VDI {
		return checkVDI(info.Path)
	}
	return nil
}

func imgCheck(ctx context.Context, info Info, secret []byte) error {
	if info.Encryption == "" {
		_, err := img(ctx, "check", "--output=json", "-f", info.Format, "--", info.Path)
		return err
	}
	key, err := keyFile(secret)
	if err != nil {
		return err
	}
	defer key.Close()
	_, err = imgWith(ctx, key, "check", "--output=json", "--object", jsonOf(keyObject()), "--", "json:"+jsonOf(node(info.Image, true)))
	return err
}

func longEnough(path string, length int64) error {
	stat, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if stat.Mode().IsRegular() && stat.Size() < length {
		return fmt.Errorf("%s: %w: %d bytes long, of at least %d", path, ErrDamaged, stat.Size(), length)
	}
	return nil
}

// checkVDI compares the file's length with what its header, version 1.1, says is allocated: blocks are laid one after
// the other.
func checkVDI(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer f.Close()
	header := make([]byte, 0x188)
	if _, err := io.ReadFull(f, header); err != nil {
		return fmt.Errorf("%s: %w: header: %w", path, ErrDamaged, err)
	}
	data := int64(binary.LittleEndian.Uint32(header[0x158:]))
	block := int64(binary.LittleEndian.Uint32(header[0x178:]))
	allocated := int64(binary.LittleEndian.Uint32(header[0x184:]))
	if allocated > 0 && block > (1<<62-data)/allocated {
		return fmt.Errorf("%s: %w: %d blocks of %d bytes", path, ErrDamaged, allocated, block)
	}
	return longEnough(path, data+allocated*block)
}
