package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Formats that Detect knows, by QEMU's names.
const (
	Raw   = "raw"
	QCow2 = "qcow2"
	VMDK  = "vmdk"
	VHDX  = "vhdx"
	VDI   = "vdi"
)

// An Image is a disk image in a file or block device.
type Image struct {
	Path   string
	Format string
}

// headerSize is what Detect looks at: VDI's signature lies furthest in.
const headerSize = 0x44

// Detect tells an image's format. What is raw by its name or its nature is not looked into.
func Detect(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("detect format: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("detect format: %w", err)
	}
	if !info.Mode().IsRegular() || strings.EqualFold(filepath.Ext(path), ".raw") {
		return Raw, nil
	}
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("detect format: %w", err)
	}
	return formatOf(header[:n]), nil
}

// formatOf goes by the magic numbers of each format's specification.
func formatOf(header []byte) string {
	h := make([]byte, headerSize)
	copy(h, header)
	version := binary.BigEndian.Uint32(h[4:])
	switch {
	case bytes.HasPrefix(h, []byte("QFI\xfb")) && (version == 2 || version == 3):
		return QCow2
	case bytes.HasPrefix(h, []byte("KDMV")), // sparse extent
		bytes.HasPrefix(h, []byte("COWD")), // sparse extent of ESX
		bytes.HasPrefix(h, []byte("# Disk DescriptorFile")):
		return VMDK
	case bytes.HasPrefix(h, []byte("vhdxfile")):
		return VHDX
	case binary.LittleEndian.Uint32(h[0x40:]) == 0xbeda107f:
		return VDI
	}
	return Raw
}
