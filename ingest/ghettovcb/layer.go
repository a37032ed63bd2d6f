package ghettovcb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// maxLayers bounds the descriptors under one another: VMware has 32 snapshots at most.
const maxLayers = 64

// A layer is a descriptor with its extents: a disk, or what changed on it since a snapshot.
type layer struct {
	name string // of its file, below the folder
	*descriptor
	files []*os.File // of its extents; nil of zeros
}

// An image is a disk, whole: the newest layer first, each counting from the next.
type image []layer

// close closes the files.
func (im image) close() (err error) {
	for _, l := range im {
		for _, f := range l.files {
			if f != nil {
				err = errors.Join(err, f.Close())
			}
		}
	}
	return err
}

// flat tells whether the extents' files are the disk, byte for byte.
func (im image) flat() bool {
	if len(im) > 1 {
		return false
	}
	for _, e := range im[0].extents {
		if e.sparse() {
			return false
		}
	}
	return true
}

// image opens a disk by the name of its descriptor, with all layers below it. What it gives is to be closed, with an error, too.
func (f *folder) image(ctx context.Context, name string) (im image, err error) {
	for seen := map[string]bool{}; ; {
		if seen[name] || len(im) == maxLayers {
			return im, fmt.Errorf("%s: %w: its chain has no end", name, ErrRefused)
		}
		seen[name] = true
		l, err := f.layer(ctx, name)
		im = append(im, l)
		if err != nil && len(im) > 1 {
			err = fmt.Errorf("%s: %w", im[0].name, err)
		}
		if err != nil {
			return im, err
		}
		if n := len(im); n > 1 {
			if err := im[n-2].countsFrom(l); err != nil {
				return im, fmt.Errorf("%s: %w", im[n-2].name, err)
			}
		}
		parent := l.values["parentfilenamehint"]
		if parent == "" {
			return im, nil
		}
		name = path.Join(path.Dir(name), parent)
	}
}

// countsFrom holds that a layer was made of the one below as it is now.
func (l layer) countsFrom(parent layer) error {
	if l.parentID() != parent.contentID() {
		return fmt.Errorf("%w: it counts from %s as that was when its content ID was %s, and now it is %s", ErrDamaged, parent.name,
			l.parentID(), parent.contentID())
	}
	if l.size != parent.size {
		return fmt.Errorf("%w: it is of %d bytes, and %s, which it counts from, of %d", ErrDamaged, l.size, parent.name, parent.size)
	}
	return nil
}

// layer reads a descriptor, and opens and checks its extents.
func (f *folder) layer(ctx context.Context, name string) (l layer, err error) {
	l = layer{name: name, descriptor: new(descriptor)}
	d, err := f.describe(name)
	if err != nil {
		return l, err
	}
	l.descriptor = d
	for _, e := range d.extents {
		file, err := f.extent(ctx, path.Dir(name), e)
		l.files = append(l.files, file)
		if err != nil {
			return l, fmt.Errorf("%s: %w", name, err)
		}
	}
	return l, nil
}

// describe reads a descriptor: a text, or what is inside a file that is its own only extent (monolithicSparse,
// streamOptimized), whatever name it has for itself.
func (f *folder) describe(name string) (*descriptor, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	d, err := describe(file, path.Base(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

func describe(file *os.File, name string) (*descriptor, error) {
	head := make([]byte, sector)
	n, err := file.ReadAt(head, 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case string(head[:min(n, len(magicHost))]) == magicHost:
		return describeAlone(name, file)
	case !isDescriptor(head[:n]):
		return nil, fmt.Errorf("%w: it is no descriptor of a VMDK", ErrDamaged)
	}
	text, err := readSmall(file, maxDescriptor)
	if err != nil {
		return nil, err
	}
	return parseDescriptor(text)
}

func describeAlone(name string, file *os.File) (*descriptor, error) {
	text, err := embedded(file)
	if err != nil {
		return nil, err
	}
	d, err := parseDescriptor(text)
	if err != nil {
		return nil, err
	}
	if len(d.extents) != 1 || d.extents[0].kind != kindHost {
		return nil, fmt.Errorf("%w: it names other extents than itself", ErrRefused)
	}
	d.extents[0].file = name
	return d, nil
}
