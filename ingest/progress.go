package ingest

import "sync/atomic"

// Progress counts a run's work, in bytes of the disks. It may be read while the run goes on.
type Progress struct {
	Total atomic.Int64 // known so far to be looked at
	Done  atomic.Int64 // read, or recorded as zero
}
