package torture

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// The log that QEMU's blklogwrites writes is that of Linux's dm-log-writes: a superblock, then entries of a header and its
// data, each in sectors of their own.
const (
	logMagic   = 0x6a736677736872
	logVersion = 1
	logSector  = 512
	logPage    = 4096 // what of a large write can get lost on its own

	logFlush   = 1
	logFUA     = 2
	logDiscard = 4 // no data
	logMark    = 8 // data of no place
)

// An entry is one request. Its data lie in the log at an offset.
type entry struct {
	to, size int64 // on the disk
	flags    uint64
	data     int64
	end      int64 // of the entry in the log
}

func readLog(name string) (log []entry, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, logSector)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint64(b) != logMagic || le.Uint64(b[8:]) != logVersion || le.Uint32(b[24:]) != logSector {
		return nil, fmt.Errorf("no log of writes: %x", b[:28])
	}
	n, at := le.Uint64(b[16:]), int64(logSector)
	for range n {
		if _, err := f.ReadAt(b, at); err != nil {
			return nil, fmt.Errorf("entry %d of %d at %d: %w", len(log), n, at, err)
		}
		e := entry{int64(le.Uint64(b)) * logSector, int64(le.Uint64(b[8:])) * logSector, le.Uint64(b[16:]), at + logSector, at + logSector}
		if e.flags&logMark != 0 {
			return nil, fmt.Errorf("a mark at %d, which nobody set", at)
		}
		if e.flags&logDiscard == 0 {
			e.end += e.size
		}
		if e.to < 0 || e.size < 0 || e.to+e.size > diskSize || e.end > info.Size() {
			return nil, fmt.Errorf("entry %d is out of bounds: %+v", len(log), e)
		}
		log, at = append(log, e), e.end
	}
	return log, nil
}

// apply does to a disk what was done, or those pages of it that survive.
func (e entry) apply(disk, log *os.File, survives func() bool) error {
	p := make([]byte, min(e.size, logPage))
	for off := int64(0); off < e.size; off += logPage {
		p := p[:min(logPage, e.size-off)]
		if survives != nil && e.flags&logFUA == 0 && !survives() {
			continue
		}
		clear(p)
		if e.flags&logDiscard == 0 {
			if _, err := log.ReadAt(p, e.data+off); err != nil && err != io.EOF {
				return err
			}
		}
		if _, err := disk.WriteAt(p, e.to+off); err != nil {
			return err
		}
	}
	return nil
}
