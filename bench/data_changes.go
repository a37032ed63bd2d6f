package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"

	"vbfs/index/block"
)

// A change is a block that is rewritten.
type change struct {
	off  int64
	data []byte
}

// changes gives new content for one block in a hundred of the disk, scattered over its data. It is another block's,
// turned round: as compressible as what it replaces, and nothing that the disk has held before.
func (d *disk) changes() (all []change, err error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(1, 655))
	n := int(d.size >> block.Log2Size / 100)
	if n > len(d.data) {
		return nil, errors.New("the disk is too empty")
	}
	for _, i := range rng.Perm(len(d.data))[:n] {
		data := make([]byte, block.Size)
		if err := turned(f, d.data[rng.IntN(len(d.data))], rng, data); err != nil {
			return nil, err
		}
		all = append(all, change{d.data[i] << block.Log2Size, data})
	}
	return all, nil
}

// turned fills p with a block that begins in its middle and goes on with its begin.
func turned(r io.ReaderAt, number int64, rng *rand.Rand, p []byte) error {
	b := make([]byte, block.Size)
	if _, err := r.ReadAt(b, number<<block.Log2Size); err != nil {
		return err
	}
	by := 1 + rng.IntN(block.Size-1)
	copy(p[copy(p, b[by:]):], b[:by])
	return nil
}
