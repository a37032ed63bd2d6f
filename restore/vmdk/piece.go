package vmdk

import (
	"fmt"
	"os"
	"sync"
)

const (
	// pieceSectors are of a whole piece, 2 GiB without 1 MiB: its tables fit below 2 GiB, too. "The Descriptor File" has an example.
	pieceSectors = 4192256
	pieceSize    = pieceSectors * sectorSize

	tableSectors = tableSize / sectorSize
)

// A piece is a hosted sparse extent, "Hosted Sparse Extents":
//
//	0       1          2       258        259     515     640
//	header  directory  tables  directory  tables  zeros   grain  grain ...
//
// in a whole one, with 64 tables. The first directory and its tables are the redundant ones, equal to the others.
type piece struct {
	path    string
	sectors int64 // of the disk

	mu     sync.Mutex // of what is below
	next   int64      // the sector where the next grain goes
	tables [][]uint32 // nil where there is no grain
}

func newPiece(path string, n int64) *piece {
	p := &piece{path: path, sectors: n}
	p.tables = make([][]uint32, (n*sectorSize+tableSpan-1)/tableSpan)
	p.next = int64(p.header().overhead)
	return p
}

// part is how many sectors a directory with its tables takes.
func (p *piece) part() int64 {
	return sectors(int64(4*len(p.tables))) + int64(len(p.tables))*tableSectors
}

func (p *piece) header() header {
	end := 1 + 2*p.part()
	return header{
		version: 1, flags: flagNewlines | flagRedundant, capacity: uint64(p.sectors),
		redundant: 1, directory: uint64(1 + p.part()), overhead: uint64((end + grainSectors - 1) / grainSectors * grainSectors),
	}
}

// create makes the file, which must not be there.
func (p *piece) create() error {
	f, err := os.OpenFile(p.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// write puts whole grains, and perhaps the disk's last one.
func (p *piece) write(b []byte, off int64) error {
	if off%grainSize != 0 {
		return fmt.Errorf("write at %d, within a grain", off)
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for len(b) > 0 {
		n, data := alike(b)
		if data {
			if _, err := f.WriteAt(b[:n], p.place(off/grainSize, (n+grainSize-1)/grainSize)); err != nil {
				return err
			}
		}
		b, off = b[n:], off+n
	}
	return nil
}

// alike tells how far grains from the first on are of data, or of zeros.
func alike(b []byte) (n int64, data bool) {
	for n < int64(len(b)) {
		end := min(n+grainSize, int64(len(b)))
		is := !zero(b[n:end])
		if n > 0 && is != data {
			break
		}
		n, data = end, is
	}
	return n, data
}

// place gives grains a place in the file, one behind the other.
func (p *piece) place(first, n int64) (off int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	begin := p.next
	for g := first; g < first+n; g++ {
		table := &p.tables[g/tableEntries]
		if *table == nil {
			*table = make([]uint32, tableEntries)
		}
		(*table)[g%tableEntries] = uint32(p.next)
		p.next += grainSectors
	}
	return begin * sectorSize
}

// finish writes what is before the grains, gives the last one its whole length, and makes the file durable.
func (p *piece) finish() error {
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	h := p.header()
	if _, err := f.WriteAt(h.marshal(), 0); err != nil {
		return err
	}
	for _, at := range []uint64{h.redundant, h.directory} {
		if err := p.writeTables(f, int64(at)); err != nil {
			return err
		}
	}
	if err := f.Truncate(p.next * sectorSize); err != nil {
		return err
	}
	return f.Sync()
}

// writeTables writes a directory at a sector, and its tables behind it. Tables of nothing are holes in the file.
func (p *piece) writeTables(f *os.File, at int64) error {
	directory := make([]uint32, len(p.tables))
	first := at + sectors(int64(4*len(directory)))
	for i, table := range p.tables {
		place := first + int64(i)*tableSectors
		directory[i] = uint32(place)
		if table == nil {
			continue
		}
		if _, err := f.WriteAt(numbers(table), place*sectorSize); err != nil {
			return err
		}
	}
	_, err := f.WriteAt(numbers(directory), at*sectorSize)
	return err
}
