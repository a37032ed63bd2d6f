package ghettovcb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// What sparse extents begin with.
const (
	magicHost  = "KDMV"
	magicCOWD  = "COWD"
	magicLarge = "\xbe\xba\xfe\xca\x00\x00\x00\x00"
)

// A sparse is what the header of a sparse extent says. Numbers are of sectors.
type sparse struct {
	file     *os.File
	size     int64 // of the file, bytes
	capacity int64 // of the disk that it holds
	grain    int64 // the unit of allocation
	dir      int64 // where the directory of grain tables is
	tables   int64 // entries of that
	perTable int64 // entries of a table
	zeros    bool  // an entry of 1 is a grain of zeros
	packed   bool  // grains are compressed, each behind a marker
	large    bool  // SESPARSE: entries are of 8 bytes
	base     int64 // SESPARSE: where grains begin
	tableAt  int64 // SESPARSE: where tables begin
}

// checkSparse holds that a sparse extent is of as many sectors as its descriptor says, and has all that it says it has.
func checkSparse(ctx context.Context, file *os.File, e extent) error {
	s, err := readSparse(file)
	if err == nil && s.capacity != e.sectors {
		err = fmt.Errorf("%w: it is of %d sectors, and its descriptor says %d", ErrDamaged, s.capacity, e.sectors)
	}
	if err == nil {
		err = s.walk(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.file, err)
	}
	return nil
}

func readSparse(file *os.File) (*sparse, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	h := make([]byte, sector)
	if _, err := file.ReadAt(h, 0); err != nil {
		return nil, short(err)
	}
	s := &sparse{file: file, size: info.Size()}
	switch {
	case bytes.HasPrefix(h, []byte(magicHost)):
		err = s.host(h)
	case bytes.HasPrefix(h, []byte(magicCOWD)):
		s.cowd(h)
	case bytes.HasPrefix(h, []byte(magicLarge)):
		err = s.sesparse(h)
	default:
		err = fmt.Errorf("%w: it is no sparse extent", ErrDamaged)
	}
	if err == nil {
		err = s.check()
	}
	return s, err
}

// short says what an end of the file before its time is.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it was cut off", ErrDamaged)
	}
	return err
}

// Where the fields of a hosted sparse extent's header are: Virtual Disk Format 5.0, "Hosted Sparse Extents".
const (
	flagZeros   = 1 << 2
	flagPacked  = 1 << 16
	flagMarkers = 1 << 17
	atEnd       = -1            // as a directory's place: a footer says it
	footerAhead = 2 * sector    // of the file's end
	perHost     = 512           // entries of a grain table
	maxEmbedded = 1 << 20 / 512 // sectors of a descriptor
	maxSectors  = 1<<60/sector - 1
)

// host reads the header, and the footer that stands in for it. QEMU follows the descriptor inside an extent whose header, the
// first one, is of no capacity: no such one may come to it.
func (s *sparse) host(h []byte) error {
	first := s.number(h, 12)
	if s.number(h, 56) == atEnd {
		if _, err := s.file.ReadAt(h, s.size-footerAhead); err != nil || s.size < 2*footerAhead || !bytes.HasPrefix(h, []byte(magicHost)) {
			return fmt.Errorf("%w: its end is not there: it was cut off", ErrDamaged)
		}
	}
	s.capacity, s.grain, s.dir = s.number(h, 12), s.number(h, 20), s.number(h, 56)
	s.perTable = int64(binary.LittleEndian.Uint32(h[44:]))
	flags := binary.LittleEndian.Uint32(h[8:])
	s.packed, s.zeros = flags&flagPacked != 0, flags&flagZeros != 0
	switch {
	case s.capacity != first:
		return fmt.Errorf("%w: it is of %d sectors, and its footer says %d", ErrDamaged, first, s.capacity)
	case s.perTable != perHost:
		return fmt.Errorf("%w: grain tables of %d entries", ErrDamaged, s.perTable)
	case s.packed && flags&flagMarkers == 0:
		return fmt.Errorf("%w: its compressed data has no markers", ErrKind)
	}
	return nil
}

func (s *sparse) number(h []byte, at int) int64 { return int64(binary.LittleEndian.Uint64(h[at:])) }

// cowd reads the header of a delta of ESX: Virtual Disk Format 5.0, "ESX Server Sparse Extents".
func (s *sparse) cowd(h []byte) {
	field := func(at int) int64 { return int64(binary.LittleEndian.Uint32(h[at:])) }
	s.capacity, s.grain, s.dir, s.perTable = field(12), field(16), field(20), 4096
}

// sesparse reads the header of a delta of VMFS 6: QEMU, block/vmdk.c, VMDKSESparseConstHeader.
func (s *sparse) sesparse(h []byte) error {
	s.large, s.perTable = true, 64*sector/8
	s.capacity, s.grain, s.dir = s.number(h, 16), s.number(h, 24), s.number(h, 128)
	s.tableAt, s.base = s.number(h, 144), s.number(h, 192)
	if s.number(h, 32) != 64 || s.tableAt < 0 || s.tableAt > maxSectors || s.base < 0 || s.base > maxSectors {
		return fmt.Errorf("%w: its header cannot be", ErrDamaged)
	}
	return nil
}

// check bounds what the header says, and counts the tables.
func (s *sparse) check() error {
	if s.capacity <= 0 || s.capacity > maxSectors || s.grain <= 0 || s.grain > 1<<16 || s.dir <= 0 || s.dir > maxSectors {
		return fmt.Errorf("%w: its header cannot be", ErrDamaged)
	}
	perTable := s.grain * s.perTable
	s.tables = (s.capacity + perTable - 1) / perTable
	return nil
}

// embedded reads the descriptor inside a hosted sparse extent.
func embedded(file *os.File) ([]byte, error) {
	h := make([]byte, sector)
	if _, err := file.ReadAt(h, 0); err != nil {
		return nil, short(err)
	}
	at, n := int64(binary.LittleEndian.Uint64(h[28:])), int64(binary.LittleEndian.Uint64(h[36:]))
	if at <= 0 || at > maxSectors || n <= 0 || n > maxEmbedded {
		return nil, fmt.Errorf("%w: it is an extent without a descriptor", ErrDamaged)
	}
	text := make([]byte, n*sector)
	if _, err := file.ReadAt(text, at*sector); err != nil {
		return nil, short(err)
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	return text, nil
}
