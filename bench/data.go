package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"vbfs/index/block"
)

// The image: a GPT with one ext4 partition that holds files of this machine.
const (
	diskSize  = 4 << 30
	fileBytes = 1910 << 20 // of files: with what ext4 itself takes, some 2,084 MiB of blocks that are not zero
	partAt    = 1 << 20
	partEnd   = 1 << 20 // left behind the partition for the second GPT
	quickPart = 8       // -quick takes an eighth
)

// A disk is the image that everybody captures, and what is known of it.
type disk struct {
	path string
	size int64
	data []int64 // numbers of the blocks that are not zero
}

// makeDisk makes the image, unless an earlier run did.
func (l *lab) makeDisk(ctx context.Context) (*disk, error) {
	d := &disk{path: filepath.Join(l.o.cache, "disk.raw"), size: diskSize}
	files := int64(fileBytes)
	if l.o.quick {
		d.path, d.size, files = filepath.Join(l.o.cache, "quick", "disk.raw"), diskSize/quickPart, fileBytes/quickPart
	}
	if _, err := os.Stat(d.path); err != nil {
		l.say("making %s of %d MiB of files", d.path, files>>20)
		if err := l.fillDisk(ctx, d, files); err != nil {
			return nil, fmt.Errorf("make the image: %w", err)
		}
	}
	err := d.survey()
	return d, err
}

func (l *lab) fillDisk(ctx context.Context, d *disk, files int64) error {
	dir, err := l.folder("files")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := gather(ctx, dir, files); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
		return err
	}
	temp := l.path("disk")
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(d.size); err != nil {
		return err
	}
	if err := finish(command(ctx, "parted", "-s", temp, "mklabel", "gpt", "mkpart", "data", "ext4", "1MiB", "100%")); err != nil {
		return err
	}
	err = finish(command(ctx, "mkfs.ext4", "-q", "-F", "-U", "b5a1e6a0-5d0a-4c55-9b1c-2f6c0d3e7a11",
		"-E", "hash_seed=b5a1e6a0-5d0a-4c55-9b1c-2f6c0d3e7a12,offset="+strconv.Itoa(partAt),
		"-d", dir, temp, strconv.FormatInt((d.size-partAt-partEnd)>>10, 10)+"k"))
	if err != nil {
		return err
	}
	return os.Rename(temp, d.path)
}

// survey finds the blocks that are not zero.
func (d *disk) survey() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, block.Size)
	for off := int64(0); off < d.size; {
		at, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break
		}
		if err != nil {
			return err
		}
		off = at &^ (block.Size - 1)
		if _, err := io.ReadFull(io.NewSectionReader(f, off, block.Size), buf); err != nil {
			return err
		}
		if !block.IsZero(buf) {
			d.data = append(d.data, off>>block.Log2Size)
		}
		off += block.Size
	}
	if len(d.data) == 0 {
		return fmt.Errorf("%s holds nothing", d.path)
	}
	return nil
}

// dataBytes is the length of the blocks that are not zero.
func (d *disk) dataBytes() int64 { return int64(len(d.data)) << block.Log2Size }

// dense gives where n bytes begin, at a whole MiB, of which as many as can be are data.
func (d *disk) dense(n int64) int64 {
	const step = 1 << 20
	best, at, first := 0, int64(0), 0
	for last, b := range d.data {
		for b-d.data[first] >= n>>block.Log2Size {
			first++
		}
		begin := d.data[first] << block.Log2Size &^ (step - 1)
		if last-first > best && begin+n <= d.size {
			best, at = last-first, begin
		}
	}
	return at
}
