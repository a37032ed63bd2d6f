package vmdk

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

const (
	descriptorSectors = 20             // as VMware's tools reserve
	streamOverhead    = grainSectors   // the first grain is where the second would be
	deflate           = 1              // RFC 1951, in the frame of RFC 1950
	maxPlace          = math.MaxUint32 // of a grain in a file, in sectors: a table's entries are of 32 bits
)

// A stream is a streamOptimized disk that is being written.
type stream struct {
	w         io.Writer
	at        int64 // sectors written
	head      header
	directory []uint32
	table     []uint32 // of the grains of late, and whether there is one
	number    int64    // of the table; -1 is none
}

func newStream(w io.Writer, size int64) *stream {
	return &stream{
		w: w,
		head: header{
			version: 3, flags: flagNewlines | flagPacked | flagMarkers, capacity: uint64(sectors(size)),
			descriptor: 1, descriptorLen: descriptorSectors, directory: atEnd, overhead: streamOverhead, compression: deflate,
		},
		directory: make([]uint32, (size+tableSpan-1)/tableSpan),
		table:     make([]uint32, tableEntries),
		number:    -1,
	}
}

// begin writes what is before the first grain.
func (s *stream) begin(m Meta) error {
	text := m.text("streamOptimized", []extent{{int64(s.head.capacity), "SPARSE", m.Name}})
	if len(text) > descriptorSectors*sectorSize {
		return fmt.Errorf("%w: a descriptor of %d bytes", ErrTooLarge, len(text))
	}
	b := make([]byte, streamOverhead*sectorSize)
	copy(b, s.head.marshal())
	copy(b[sectorSize:], text)
	return s.write(b)
}

// grains writes what a packer made. It is all of one table, for chunks are.
func (s *stream) grains(p *packer) error {
	if len(p.places) == 0 {
		return nil
	}
	if n := p.places[0].grain / tableEntries; n != s.number {
		if err := s.endTable(); err != nil {
			return err
		}
		s.number = n
	}
	for _, at := range p.places {
		if s.at+at.at > maxPlace {
			return fmt.Errorf("%w: more than 2 TiB of compressed data", ErrTooLarge)
		}
		s.table[at.grain%tableEntries] = uint32(s.at + at.at)
	}
	return s.write(p.out.Bytes())
}

// endTable writes the table of the grains that were written last, behind them. Where there are none, there is no table.
func (s *stream) endTable() error {
	if s.number < 0 {
		return nil
	}
	if s.at+1 > maxPlace {
		return fmt.Errorf("%w: more than 2 TiB of compressed data", ErrTooLarge)
	}
	s.directory[s.number] = uint32(s.at + 1)
	err := s.writeMarked(markerTable, numbers(s.table))
	clear(s.table)
	s.number = -1
	return err
}

// end writes what is behind the last grain.
func (s *stream) end() error {
	if err := s.endTable(); err != nil {
		return err
	}
	s.head.directory = uint64(s.at + 1)
	if err := s.writeMarked(markerDirectory, numbers(s.directory)); err != nil {
		return err
	}
	if err := s.writeMarked(markerFooter, s.head.marshal()); err != nil {
		return err
	}
	return s.write(marker(markerEnd, 0))
}

func (s *stream) writeMarked(kind uint32, b []byte) error {
	if err := s.write(marker(kind, uint64(len(b)/sectorSize))); err != nil {
		return err
	}
	return s.write(b)
}

// write writes whole sectors.
func (s *stream) write(b []byte) error {
	n, err := s.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write %d bytes at %d: %w", len(b), s.at*sectorSize, err)
	}
	s.at += int64(len(b) / sectorSize)
	return nil
}

// numbers puts a table into whole sectors.
func numbers(table []uint32) []byte {
	b := make([]byte, sectors(int64(4*len(table)))*sectorSize)
	for i, v := range table {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}
