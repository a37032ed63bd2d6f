package table

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

const (
	suffix  = ".db"
	hashLen = 32
	keySize = 16 // of IDs and UUIDs; pack IDs are shorter

	// MaxSummary bounds a sealed summary; of a longer one the table keeps nothing.
	MaxSummary = 16 << 20
)

var (
	bucketIDs    = []byte("ids")
	bucketPacks  = []byte("packs")
	bucketPoints = []byte("points")
)

// segmentName tells whether a file's name is one that Write gives.
func segmentName(name string) bool {
	digits, ok := strings.CutSuffix(name, suffix)
	_, err := hex.DecodeString(digits)
	return ok && err == nil && len(digits) == 2*hashLen && digits == strings.ToLower(digits)
}

// A segment is an open file of the table.
type segment struct {
	name               string
	info               fs.FileInfo // of the open file
	f                  *os.File
	m                  pages
	ids, packs, points tree
	fault              atomic.Pointer[error] // why it is damaged, if it is
	sets               int                   // that hold it; under Table.mu
}

// openSegment maps a file. A path that is gone is fs.ErrNotExist.
func openSegment(dir, name string) (*segment, error) {
	if !segmentName(name) {
		return nil, ErrForeign
	}
	// O_NONBLOCK: a pipe of that name must not make us wait for its writer.
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, f: f}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *segment) open() (err error) {
	if s.info, err = s.f.Stat(); err != nil {
		return err
	}
	if !s.info.Mode().IsRegular() {
		return ErrForeign
	}
	size := s.info.Size()
	if size < 4*pageSize || size != int64(int(size)) {
		return damaged("%d bytes", size)
	}
	if s.m, err = unix.Mmap(int(s.f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return err
	}
	// Lookups are random: reading ahead would bring in 32 pages for one.
	if err := unix.Madvise(s.m, unix.MADV_RANDOM); err != nil {
		return err
	}
	return s.parse()
}

func (s *segment) parse() (err error) {
	defer guard(&err, debug.SetPanicOnFault(true))
	s.ids, s.packs, s.points, err = s.m.buckets()
	return err
}

func (s *segment) close() error {
	var err error
	if s.m != nil {
		err = unix.Munmap(s.m)
		s.m = nil
	}
	return errors.Join(err, s.f.Close())
}

// same tells whether the open file is still what info describes.
func (s *segment) same(info fs.FileInfo) bool {
	return os.SameFile(s.info, info) && s.info.Size() == info.Size()
}

func (s *segment) newer(t *segment) int {
	if c := t.info.ModTime().Compare(s.info.ModTime()); c != 0 {
		return c
	}
	return strings.Compare(t.name, s.name)
}

// fail marks s as damaged; the first reason stays.
func (s *segment) fail(err error) {
	err = fmt.Errorf("%s: %w", s.name, err)
	s.fault.CompareAndSwap(nil, &err)
}

func (s *segment) good() bool { return s.fault.Load() == nil }

// address finds what the segment proposes for a key.
func (s *segment) address(key []byte) (a format.Address, ok bool) {
	if !s.good() {
		return a, false
	}
	a, ok, err := s.findAddress(key)
	if err != nil {
		s.fail(err)
	}
	return a, ok && err == nil
}

func (s *segment) findAddress(key []byte) (a format.Address, ok bool, err error) {
	defer guard(&err, debug.SetPanicOnFault(true))
	v, err := s.ids.get(key)
	if v == nil || err != nil {
		return a, false, err
	}
	if len(v) != format.AddressSize {
		return a, false, damaged("address of %d bytes", len(v))
	}
	a, err = format.ParseAddress(v)
	return a, err == nil, err
}

// summary finds a point's summary.
func (s *segment) summary(id format.UUID) (sealed []byte, ok bool) {
	if !s.good() {
		return nil, false
	}
	sealed, err := s.findSummary(id)
	if err != nil {
		s.fail(err)
	}
	return sealed, sealed != nil && err == nil
}

func (s *segment) findSummary(id format.UUID) (sealed []byte, err error) {
	defer guard(&err, debug.SetPanicOnFault(true))
	v, err := s.points.get(id[:])
	if v == nil || err != nil {
		return nil, err
	}
	if len(v) > MaxSummary {
		return nil, damaged("summary of %d bytes", len(v))
	}
	return append(make([]byte, 0, len(v)), v...), nil
}

// nameOf gives the name of a segment with those bytes.
func nameOf(r io.Reader) (string, error) {
	h := blake3.New()
	if _, err := io.CopyBuffer(h, r, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)) + suffix, nil
}

// Info describes a segment.
type Info struct {
	Name   string
	Keys   int64 // entries, packs and points as its writer counted them
	Packs  int64
	Points int64
	Bytes  int64
	Time   time.Time // of its newest entries
}

func (s *segment) describe() Info {
	return Info{
		Name: s.name, Keys: s.ids.keys, Packs: s.packs.keys, Points: s.points.keys,
		Bytes: s.info.Size(), Time: s.info.ModTime(),
	}
}
